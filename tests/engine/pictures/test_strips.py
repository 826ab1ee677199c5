"""Pictures and masks worked on in strips are those worked on whole, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from engine.masks.mask import Everywhere, Mask, Rest
from engine.pictures import strips
from engine.pictures.colors import GrayPlanes, luminance, match_colors
from engine.pictures.compositing import composite
from engine.pictures.finishing import Finisher
from engine.pictures.stored import StoredPicture
from engine.pictures.strips import Enlarged
from engine.sizes import resized, resized_mask, resized_unclipped

SIZE = (61, 83)
SMALL = (23, 31)


@pytest.fixture(autouse=True)
def short_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_PIXELS", 16)


@pytest.fixture(params=[np.uint8, np.uint16, np.float32], ids=["8 bits", "16 bits", "float"])
def picture(request: pytest.FixtureRequest) -> StoredPicture:
    random = np.random.default_rng(1)
    if request.param is np.float32:
        return StoredPicture(random.random((*SIZE, 3), np.float32))
    return StoredPicture(random.integers(0, np.iinfo(request.param).max, (*SIZE, 3), request.param))


def whole(picture: StoredPicture) -> np.ndarray:
    numbers = picture.numbers
    top = 1 if numbers.dtype == np.float32 else np.iinfo(numbers.dtype).max
    values = numbers.astype(np.float32) / np.float32(top) * np.float32(255)
    return np.ascontiguousarray(values.transpose(2, 0, 1))


@pytest.mark.parametrize("size", [SIZE, SMALL, (SIZE[0], 31), (23, SIZE[1]), (90, 100)])
def test_a_picture_is_resized(picture: StoredPicture, size: tuple[int, int]) -> None:
    np.testing.assert_array_equal(picture.resized(size), resized(whole(picture), size))
    gray = np.repeat(luminance(whole(picture))[None], 3, axis=0)
    np.testing.assert_array_equal(GrayPlanes(picture).resized(size), resized(gray, size))


def test_a_picture_is_enlarged_in_columns() -> None:
    small = np.random.default_rng(2).uniform(0, 255, (3, *SMALL)).astype(np.float32)
    enlarged = Enlarged(small, SIZE)
    found = [enlarged.columns(left, min(left + 7, SIZE[1])) for left in range(0, SIZE[1], 7)]
    np.testing.assert_array_equal(np.concatenate(found, axis=2), resized_unclipped(small, SIZE))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_masks(dtype: type) -> None:
    numbers = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, SIZE, dtype)
    mask = Mask(numbers)
    values = numbers.astype(np.float32) / np.float32(np.iinfo(dtype).max)
    np.testing.assert_array_equal(mask.whole(), values)
    np.testing.assert_array_equal(mask.columns(5, 9), values[:, 5:9])
    np.testing.assert_array_equal(mask.resized(SMALL), resized_mask(values, SMALL))
    assert mask.mean() == pytest.approx(values.mean(dtype=np.float64), rel=1e-12)
    rest = Rest([mask, Mask(numbers // 2)], SIZE)
    left = np.clip(1 - values - (numbers // 2).astype(np.float32) / np.iinfo(dtype).max, 0, 1)
    np.testing.assert_allclose(rest.whole(), left, atol=1e-6)
    np.testing.assert_array_equal(rest.resized(SMALL), resized_mask(rest.whole(), SMALL))
    assert (mask.nbytes, rest.nbytes, Everywhere(SIZE).nbytes) == (numbers.nbytes, 0, 0)
    assert Everywhere(SIZE).any()
    assert not Mask(np.zeros(SIZE, dtype)).any()


@pytest.mark.parametrize("name", ["blend", "pinned", "cut out", "stitch"])
@pytest.mark.parametrize("size", [SIZE, SMALL])
def test_results_are_put_together(picture: StoredPicture, name: str, size: tuple[int, int]) -> None:
    random = np.random.default_rng(4)
    masks = [Mask(random.integers(0, 2, SIZE, np.uint8) * np.uint8(130)) for _ in range(2)]
    painted = [random.uniform(0, 255, (3, *size)).astype(np.float32) for _ in range(2)]
    painted = painted if name == "stitch" else painted[:1]
    protect = Mask(random.integers(0, 256, SIZE, np.uint8))
    finisher = Finisher(picture, picture, masks, protect, 30.0, keeps_chroma=False, in_float=True)
    found, clipped = finisher.result(name, painted)
    protected = 1 - np.power(np.float32(30), -protect.whole())
    expected = composite(name, painted, whole(picture), [each.whole() for each in masks], protected)
    np.testing.assert_array_equal(found.numbers, expected.transpose(1, 2, 0) / np.float32(255))
    assert clipped == 0


def test_statistics_of_colors(picture: StoredPicture) -> None:
    from engine.masks.regions import LoadedRegion
    from engine.pictures.colors import apply_color_mode

    random = np.random.default_rng(5)
    style = random.uniform(0, 255, (3, 20, 24)).astype(np.float32)
    mask = Mask(random.integers(0, 256, SIZE, np.uint8))
    everywhere = np.ones((20, 24), np.float32)
    region = LoadedRegion("", style, everywhere, mask, 1.0, 1.0)
    _, [matched] = apply_color_mode("match", picture, [region])
    expected = match_colors(style, everywhere, whole(picture), mask.whole())
    np.testing.assert_allclose(matched.style, expected, atol=1e-3)


def test_a_gray_picture_is_resized_once_with_the_same_result() -> None:
    gray = np.random.default_rng(6).integers(0, 256, (40, 50, 1), np.uint8)
    new = (17, 23)
    three = StoredPicture(np.repeat(gray, 3, axis=2)).resized(new)
    np.testing.assert_array_equal(StoredPicture(gray).resized(new), three)


def test_a_mask_of_everything_is_the_same_at_every_size() -> None:
    ones = np.ones((40, 50), np.float32)
    for new in ((17, 23), (40, 50), (90, 61)):
        np.testing.assert_array_equal(Everywhere((40, 50)).resized(new), Mask(ones).resized(new))
    assert Everywhere((40, 50)).mean() == Mask(ones).mean() == 1


def test_threads_put_the_same_result_together() -> None:
    random = np.random.default_rng(7)
    content = StoredPicture(random.integers(0, 256, (40, 90, 3), np.uint8))
    masks = [Mask(random.integers(0, 256, (40, 90), np.uint8))]
    painted = [random.uniform(0, 255, (3, 20, 45)).astype(np.float32)]
    small = content.resized((20, 45))
    found = [
        Finisher(content, content, masks, None, 1.0, False, False, *given).result("blend", painted)
        for given in ((), (None, 4), (small, 4))
    ]
    for each in found[1:]:
        np.testing.assert_array_equal(each[0].numbers, found[0][0].numbers)
