"""Original VGG-16 weights: checked, and kept in one file that loads fast.

Each of the 13 layers is compared with its SHA-256 sum when the cache is made, and every time that
it is loaded.
"""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from models.reference_weights import SHA256, Layer, WeightsError, digest
from models.vgg16 import CHANNELS, LAYERS
from models.weight_readers import DAMAGES, H5pyMissingError, damage, npz_arrays, read_source
from models.weights_errors import WeightsDiskFullError, _

__all__ = [
    "SHA256",
    "H5pyMissingError",
    "Layer",
    "Weights",
    "WeightsError",
    "check_cache",
    "ensure_weights",
    "load_weights",
]


class Weights(Mapping[str, Layer]):
    """The layers in a cache, each read and compared with its sum when it is asked for.

    Parameters
    ----------
    cache : Path
        The file that `ensure_weights` made.

    Raises
    ------
    WeightsError
        If the file is missing; and when a layer is asked for, if it cannot be read or differs
        from the original in any bit.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        try:
            there = cache.is_file()
        except PermissionError as error:  # in the data folder of somebody else
            message = _(
                "The file of the weights, {cache}, {damage}; ask its owner to open the folder "
                "to others, or name another one with SCUMBLE_HOME"
            ).format(cache=cache, damage=damage(error))
            raise WeightsError(message) from error
        if not there:
            message = _(
                "The file of the weights, {cache}, is missing; run install.py again"
            ).format(cache=cache)
            raise WeightsError(message)

    def __getitem__(self, name: str) -> Layer:
        """Return a layer, float32: the kernel (outputs, inputs, 3, 3) and the bias (outputs,).

        The network expects 0..255 minus `vgg16.MEAN_BGR`, blue first.
        """
        if name not in CHANNELS:
            raise KeyError(name)
        try:
            with zipfile.ZipFile(self._cache) as archive:
                arrays = dict(npz_arrays(archive, f"{name}."))
        except WeightsError as error:
            message = _("{problem}; run install.py again").format(problem=error)
            raise WeightsError(message) from error
        except DAMAGES as error:
            message = _("The file of the weights, {cache}, {damage}; run install.py again").format(
                cache=self._cache, damage=damage(error)
            )
            raise WeightsError(message) from error
        kernel, bias = arrays.get(f"{name}.kernel"), arrays.get(f"{name}.bias")
        if kernel is None or bias is None:
            message = _(
                "{name} is missing from the weights in {cache}; run install.py again"
            ).format(name=name, cache=self._cache)
            raise WeightsError(message)
        layer = Layer(kernel, bias)
        right = kernel.shape[:1] == bias.shape == (CHANNELS[name],)
        if not (right and kernel.dtype == bias.dtype == "<f4") or digest(layer) != SHA256[name]:
            message = _("{name} in {cache} is not the original; run install.py again").format(
                name=name, cache=self._cache
            )
            raise WeightsError(message)
        return layer

    def __iter__(self) -> Iterator[str]:
        return iter(LAYERS)

    def __len__(self) -> int:
        return len(LAYERS)


def load_weights(cache: Path) -> dict[str, Layer]:
    """Read all layers, from conv1_1 to conv5_3; see `Weights`."""
    return dict(Weights(cache))


def check_cache(cache: Path) -> str:
    """Return '' if the weights can be loaded and are the original ones, else the fault."""
    try:
        load_weights(cache)
    except WeightsError as error:
        return str(error)
    return ""


def ensure_weights(cache: Path, source: Path | None, work: Path, name: str | None = None) -> str:
    """Make sure that the cache holds the weights.

    The cache is replaced in one step at the end, and stays as it was when anything goes wrong.

    Parameters
    ----------
    cache : Path
        The .npz file to make; its folder is made too.
    source : Path or None
        A file that has the weights (see `weight_readers.read_source`).
    work : Path
        A folder for temporary files, on the same disk as the cache.
    name : str, optional
        How messages call the source; by default its path.

    Returns
    -------
    str
        One sentence on where the weights come from.

    Raises
    ------
    WeightsError
        If the cache is not good and the source is not either, or the cache cannot be written.
    """
    problem = check_cache(cache)
    if not problem:
        unused = (
            ""
            if source is None
            else _(", so {source} was not needed").format(source=name or source)
        )
        return _(
            "The weights in {cache} are there already and are the original ones{unused}."
        ).format(cache=cache, unused=unused)
    if source is None:
        raise WeightsError(problem)
    layers = read_source(source)
    _store(layers, work / f"{cache.name}.part", cache)
    return _(
        "The weights in {cache} were taken from {source}; all 13 layers are the original ones."
    ).format(cache=cache, source=name or source)


def _cannot_write(folder: Path, error: OSError) -> WeightsError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WeightsDiskFullError(
            _("The disk is full; the weights need 59 MB in {folder}").format(folder=folder)
        )
    return WeightsError(
        _("{folder} cannot be written to: {reason}").format(
            folder=folder, reason=error.strerror or error
        )
    )


def _store(layers: dict[str, Layer], temporary: Path, cache: Path) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            # Written layer by layer, uncompressed, as np.savez does.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, layer in layers.items():
                    for part, values in layer._asdict().items():
                        with archive.open(f"{name}.{part}.npy", "w", force_zip64=True) as member:
                            np.lib.format.write_array(member, values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        problem = check_cache(temporary)
        if problem:
            message = _("The disk of {folder} did not keep what was written: {problem}").format(
                folder=cache.parent, problem=problem
            )
            raise WeightsError(message)
        os.replace(temporary, cache)
    except OSError as error:
        raise _cannot_write(cache.parent, error) from error
    finally:
        with suppress(OSError):  # of a disk that has become read-only, for instance
            temporary.unlink(missing_ok=True)
