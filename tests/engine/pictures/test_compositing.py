"""Pictures put together, and brought back to the content's own size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from engine.methods import METHODS
from engine.pictures.compositing import COMPOSITES, Assembly, stitched
from engine.pictures.compositing import composite as put_together
from engine.pictures.strips import ArrayPlanes
from engine.sizes import resized

SIZE = (45, 62)
SMALL = (27, 37)


def composite(
    method: str,
    pictures: list[np.ndarray],
    content: np.ndarray,
    masks: list[np.ndarray],
    protected: np.ndarray | float = 0.0,
) -> np.ndarray:
    return put_together(METHODS[method].composite, pictures, content, masks, protected)


@pytest.fixture
def content() -> np.ndarray:
    return np.random.default_rng(3).uniform(60, 190, (3, *SIZE)).astype(np.float32)


def right_third() -> np.ndarray:
    mask = np.zeros(SIZE, np.float32)
    mask[:, 40:] = 1
    return mask


def flat(value: float, size: tuple[int, int] = SMALL) -> np.ndarray:
    return np.full((3, *size), value, np.float32)


def test_stitching_is_the_masked_sum(content: np.ndarray) -> None:
    half = np.full(SIZE, 0.5, np.float32)
    quarter = np.full(SIZE, 0.25, np.float32)
    found = stitched([flat(100, SIZE), flat(20, SIZE)], content, [half, quarter])
    np.testing.assert_allclose(found, 0.5 * 100 + 0.25 * 20 + 0.25 * content, rtol=1e-6)


def test_masks_that_overlap_share_and_leave_no_content(content: np.ndarray) -> None:
    full = np.ones(SIZE, np.float32)
    found = stitched([flat(100, SIZE), flat(40, SIZE)], content, [full, 0.5 * full])
    np.testing.assert_allclose(found, (100 + 0.5 * 40) / 1.5, rtol=1e-6)


def test_where_no_mask_is_stitching_changes_no_bit(content: np.ndarray) -> None:
    found = stitched([flat(100, SIZE)], content, [right_third()])
    np.testing.assert_array_equal(found[:, :, :40], content[:, :, :40])
    np.testing.assert_array_equal(found[:, :, 40:], 100)


def test_a_cutout_blends_where_the_masks_are_soft(content: np.ndarray) -> None:
    quarter = np.full(SIZE, 0.25, np.float32)
    found = composite("cutout", [flat(80, SIZE)], content, [quarter, quarter])
    np.testing.assert_allclose(found, 0.5 * 80 + 0.5 * content, rtol=1e-6)
    overlapping = [np.full(SIZE, 0.8, np.float32)] * 2
    found = composite("cutout", [flat(80, SIZE)], content, overlapping)
    np.testing.assert_allclose(found, 80, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_of_the_contents_size_is_taken_as_it_is(content: np.ndarray, method: str) -> None:
    full = [np.ones(SIZE, np.float32)]
    painted = np.random.default_rng(4).uniform(0, 255, content.shape).astype(np.float32)
    np.testing.assert_array_equal(composite(method, [painted], content, full), painted)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_painted_small_comes_back_large_where_the_mask_is(
    content: np.ndarray, method: str
) -> None:
    found = composite(method, [flat(99)], content, [right_third()])
    assert found.shape == content.shape
    np.testing.assert_allclose(found[:, :, 40:], 99, rtol=0, atol=0.01)
    kept = found[:, :, :40] == content[:, :, :40]
    assert kept.all() == (method in ("cutout", "pinned", "stitch"))


def test_an_unchanged_small_picture_gets_the_contents_detail_back(content: np.ndarray) -> None:
    # Where no mask is, what was lost by painting at a smaller size is put back.
    rows, columns = SMALL
    small = np.stack(
        [
            np.asarray(Image.fromarray(each).resize((columns, rows), Image.Resampling.LANCZOS))
            for each in content
        ]
    )
    found = composite("joint", [small], content, [right_third()])
    np.testing.assert_allclose(found[:, :, :40], content[:, :, :40], rtol=0, atol=0.01)
    assert np.abs(found[:, :, 40:] - content[:, :, 40:]).mean() > 10


@pytest.mark.parametrize("method", METHODS)
def test_what_is_kept_has_the_contents_detail_back(content: np.ndarray, method: str) -> None:
    kept = np.zeros(SIZE, np.float32)
    kept[:, 50:] = 1
    small = resized(content, SMALL)
    found = composite(method, [small], content, [right_third()], kept)
    away = np.abs(found - content).mean((0, 1))
    assert away[50:].max() < 1  # the small picture was clipped
    assert away[40:50].mean() > 10
    without = composite(method, [small], content, [right_third()])
    np.testing.assert_array_equal(found[:, :, :50], without[:, :, :50])


@pytest.mark.parametrize("method", METHODS)
def test_enlarging_sharp_edges_stays_in_range(method: str) -> None:
    content = flat(0, SIZE)
    content[:, 20:] = 255
    painted = flat(255)
    painted[:, 10:, 9:] = 0
    found = composite(method, [painted], content, [right_third() * np.float32(0.5)])
    assert found.min() >= 0
    assert found.max() <= 255


def test_strokes_make_way_for_the_contents_detail(content: np.ndarray) -> None:
    smooth = np.random.default_rng(5).uniform(100, 150, (3, *SMALL)).astype(np.float32)
    strokes = np.random.default_rng(6).uniform(-20, 20, (3, *SIZE)).astype(np.float32)
    mask = np.linspace(0, 1, SIZE[1], dtype=np.float32) * np.ones(SIZE, np.float32)
    enlarged = resized(smooth, SIZE) + strokes
    found = [
        COMPOSITES["blend"](Assembly([smooth], ArrayPlanes(content), None, planes).block(
            0, SIZE[1], [mask], 0.25
        ))
        for planes in ((), (ArrayPlanes(enlarged),))
    ]  # fmt: skip
    # Of the strokes there is as much as of the style, which is protected by a quarter.
    wanted = np.clip(found[0] + 0.75 * mask * strokes, 0, 255)
    np.testing.assert_allclose(found[1], wanted, atol=0.01)


class Unread:
    """A content that nothing may read."""

    size = SIZE

    def _refuse(self, *_: object) -> np.ndarray:
        message = "the content was read"
        raise AssertionError(message)

    rows = columns = resized = _refuse


def test_where_all_is_painted_nothing_of_the_content_is_read() -> None:
    full = [np.ones(SIZE, np.float32)]
    block = Assembly([flat(80)], Unread()).block(0, SIZE[1], full, 0.0)
    np.testing.assert_allclose(COMPOSITES["blend"](block), 80, atol=1e-4)
    half = [np.full(SIZE, 0.5, np.float32)]
    block = Assembly([flat(80)], Unread()).block(0, SIZE[1], half, 0.0)
    with pytest.raises(AssertionError, match="was read"):
        COMPOSITES["blend"](block)
