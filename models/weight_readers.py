"""Readers of the files that have the original weights; nothing is ever unpickled.

A file's kind is recognized by its content, not by its name: a zip archive with an ONNX file in it
(a wheel), a zip archive of NumPy arrays (.npz), a Keras file (HDF5), or an ONNX file.
"""

from __future__ import annotations

import errno
import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np

from models.onnx_format import read_model, tensor_to_array
from models.reference_weights import Layer, is_candidate, match
from models.weights_errors import WeightsError, _

MAX_ONNX = 2**31 - 1
"""Bytes; protobuf reads no larger message."""

MAX_HEADER = 65_535
"""Bytes; NumPy's parser is not safe with much longer headers."""

DAMAGES = (
    *(ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error),
    # zipfile raises it for encrypted members, and a subclass for newer versions of the format.
    RuntimeError,
)
"""Errors that reading a damaged archive can raise."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NPY = b"\x93NUMPY"
_PICKLE = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_PICKLE_ENDINGS = (".pth", ".pt", ".pkl", ".pickle", ".ckpt")


class H5pyMissingError(WeightsError):
    """A Keras file cannot be read, since h5py is not installed."""


def read_source(path: Path) -> dict[str, Layer]:
    """Return the 13 layers that a file holds, each proved to be the original.

    Parameters
    ----------
    path : Path
        A wheel, an ONNX file, a Keras .h5 or a .npz.

    Returns
    -------
    dict of str to Layer
        In the network's order.

    Raises
    ------
    WeightsError
        If the file cannot be read, is of another kind, is cut off or damaged, or lacks a layer.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError as error:
        message = _("There is no file {path} to take the weights from").format(path=path)
        raise WeightsError(message) from error
    except OSError as error:
        message = _("{path} cannot be read: {reason}").format(
            path=path, reason=error.strerror or error
        )
        raise WeightsError(message) from error
    if not start:
        message = f"{path} is empty"
        raise WeightsError(message)
    if start.startswith(_ZIP):
        return _read_zip(path)
    if start == _HDF5:
        return _read_keras(path)
    if start.startswith(_PICKLE) or path.suffix.lower() in _PICKLE_ENDINGS:
        raise _pickle(path)
    if start.startswith(_NPY):
        message = _(
            "{path} is a single NumPy array or a pickle; give a .npz, ONNX or wheel file"
        ).format(path=path)
        raise WeightsError(message)
    return _read_onnx_file(path)


def npz_arrays(archive: zipfile.ZipFile, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the values of every array that can be one of the network's.

    Only such arrays are read, those whose name begins with `prefix`, and pickled ones never, so
    that a large or hostile file costs neither memory nor safety.

    Raises
    ------
    WeightsError
        If an array is pickled.
    any of DAMAGES
        If the archive is damaged.
    """
    for each in archive.infolist():
        if not (each.filename.endswith(".npy") and each.filename.startswith(prefix)):
            continue
        with _open(archive, each) as member:
            shape, fortran, kind = _npy_header(member)
            if kind.hasobject:
                raise _pickle(Path(archive.filename or each.filename))
            if kind.kind != "f" or kind.itemsize not in (4, 8) or not is_candidate(shape):
                continue
            values = np.empty(math.prod(shape), kind)
            if member.readinto(values.data.cast("B")) != values.nbytes:
                message = f"{each.filename} is cut off"
                raise ValueError(message)
            # One byte more makes zipfile compare the checksum.
            member.read(1)
        yield (
            each.filename[: -len(".npy")],
            values.reshape(shape[::-1]).T if fortran else values.reshape(shape),
        )


def _open(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> zipfile.ZipExtFile:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        message = _("{name} is compressed in a way that wheels and NumPy do not use").format(
            name=member.filename
        )
        raise ValueError(message)
    return cast(zipfile.ZipExtFile, archive.open(member))


def damage(error: Exception) -> str:
    """Return the meaning of one of DAMAGES for a file."""
    # A wrong offset inside a damaged archive is the system's invalid argument.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return _("cannot be read: {reason}").format(reason=error.strerror)
    return _("is cut off or damaged")


def _npy_header(member: zipfile.ZipExtFile) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return an array's shape, whether it is in Fortran's order, and its type.

    Raises
    ------
    ValueError
        If NumPy cannot read the header.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy parses a damaged header as Python
            version = np.lib.format.read_magic(member)
            if version == (1, 0):
                return np.lib.format.read_array_header_1_0(member, max_header_size=MAX_HEADER)
            return np.lib.format.read_array_header_2_0(member, max_header_size=MAX_HEADER)
    except MemoryError:
        raise
    except Exception as error:
        message = _("an array does not begin as NumPy's files do")
        raise ValueError(message) from error


def _read_zip(path: Path) -> dict[str, Layer]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(Path(each.filename).name == "data.pkl" for each in members):
                raise _pickle(path)
            models = [each for each in members if each.filename.endswith(".onnx")]
            for member in models:
                if member.file_size > MAX_ONNX:
                    raise _too_large(path)
            arrays: list[np.ndarray] = []
            if models:
                for member in models:
                    with _open(archive, member) as file:
                        arrays += _onnx_arrays(file.read(), f"{path} ({member.filename})")
            elif any(each.filename.endswith(".npy") for each in members):
                arrays += (array for _name, array in npz_arrays(archive))
            else:
                message = _(
                    "{path} is an archive that holds neither an ONNX file nor NumPy arrays"
                ).format(path=path)
                raise WeightsError(message)
    except WeightsError:
        raise
    except DAMAGES as error:
        message = f"{path} {damage(error)}"
        raise WeightsError(message) from error
    return match(arrays, str(path))


def _read_onnx_file(path: Path) -> dict[str, Layer]:
    try:
        if path.stat().st_size > MAX_ONNX:
            raise _too_large(path)
        data = path.read_bytes()
    except OSError as error:
        message = _("{path} cannot be read: {reason}").format(
            path=path, reason=error.strerror or error
        )
        raise WeightsError(message) from error
    return match(_onnx_arrays(data, str(path)), str(path))


def _onnx_arrays(data: bytes, source: str) -> Iterator[np.ndarray]:
    try:
        model = read_model(data)
    except ValueError as error:
        message = _(
            "{source} is none of a wheel, an ONNX file, a Keras .h5 and a .npz, or it is cut "
            "off or damaged"
        ).format(source=source)
        raise WeightsError(message) from error
    for tensor in model.graph.initializer:
        if is_candidate(tuple(tensor.dims)):
            try:
                yield tensor_to_array(tensor)
            except ValueError as error:
                message = _("{source} cannot be used: {reason}")
                message = message.format(source=source, reason=error)
                raise WeightsError(message) from error


def _read_keras(path: Path) -> dict[str, Layer]:
    try:
        import h5py
    except ImportError as error:
        message = _(
            "{path} is a Keras file, and reading it needs h5py, which is not installed"
        ).format(path=path)
        raise H5pyMissingError(message) from error
    arrays: list[np.ndarray] = []

    def take(_name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
            return
        # A dataset without a value has no shape.
        if is_candidate(item.shape or ()):
            arrays.append(item[()])

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)
    except (*DAMAGES, KeyError, TypeError) as error:
        message = _("{path} is cut off or damaged").format(path=path)
        raise WeightsError(message) from error
    return match(arrays, str(path))


def _pickle(path: Path) -> WeightsError:
    return WeightsError(
        _(
            "{path} is or holds a pickle (as PyTorch's .pth files do), and pickles are never "
            "loaded, since they can run any program: give an ONNX file, a wheel, a Keras .h5 or "
            "a .npz"
        ).format(path=path)
    )


def _too_large(path: Path) -> WeightsError:
    return WeightsError(
        _("{path} is too large: an ONNX file can have 2 GB at most").format(path=path)
    )
