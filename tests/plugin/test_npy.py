from __future__ import annotations

import io

import numpy as np
import pytest


@pytest.mark.parametrize("shape", [(3,), (4, 5), (2, 3, 4), (3000, 4000, 4)])
def test_numpy_reads_the_header(shape):
    import npy

    header = npy.header(shape)
    assert len(header) % 64 == 0
    file = io.BytesIO(header)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == (shape, False, np.dtype("<f4"))
    assert npy.read_header(io.BytesIO(header)) == shape
    file = io.BytesIO(npy.header(shape, npy.BYTES) + b"1234")
    np.lib.format.read_magic(file)
    assert np.lib.format.read_array_header_1_0(file) == (shape, False, np.dtype("u1"))
    assert file.read() == b"1234"


def test_what_numpy_writes_is_read(tmp_path):
    import npy

    path = tmp_path / "a.npy"
    np.save(path, np.ones((4, 5, 3), np.float32))
    assert npy.shape_of(path) == (4, 5, 3)


def test_other_files_are_refused(tmp_path):
    import npy

    path = tmp_path / "a.npy"
    for array in (np.ones((4, 5)), np.asfortranarray(np.ones((4, 5), np.float32))):
        np.save(path, array)
        with pytest.raises(ValueError, match="not float32 in C order"):
            npy.shape_of(path)
    path.write_bytes(b"PNG and so on")
    with pytest.raises(ValueError, match=r"not a \.npy file"):
        npy.shape_of(path)
    path.write_bytes(npy.header((4, 5)) + b"1234")
    with pytest.raises(ValueError, match="holds 4 bytes of pixels instead of 80"):
        npy.shape_of(path)
