"""Colors moved to another picture's mean and covariance."""

from __future__ import annotations

import tracemalloc

import numpy as np

from engine.pictures.colors import match_colors

EVERYWHERE = np.ones((24, 30), np.float32)


def clouds(seed: int, size: tuple[int, int] = (24, 30)) -> np.ndarray:
    """Make a picture whose colors hang together and stay well within 0..255."""
    random = np.random.default_rng(seed)
    mix = 15 * np.eye(3) + random.normal(0, 5, (3, 3))
    colors = np.clip(random.normal(size=(3, size[0] * size[1])), -2, 2)
    return (mix @ colors + random.uniform(110, 140, (3, 1))).reshape(3, *size).astype(np.float32)


def statistics(picture: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count every pixel as often as the mask says, one after the other."""
    colors = picture.reshape(3, -1).T.astype(np.float64)
    weights = mask.ravel() / mask.sum(dtype=np.float64)
    mean = sum(weight * color for weight, color in zip(weights, colors))
    spread = sum(
        weight * np.outer(color - mean, color - mean) for weight, color in zip(weights, colors)
    )
    return mean, spread


def test_the_result_has_the_mean_and_covariance_of_the_style() -> None:
    content, style = clouds(1), clouds(2, (17, 21))
    moved = match_colors(content, EVERYWHERE, style, np.ones((17, 21), np.float32))
    assert moved.dtype == np.float32
    mean, covariance = statistics(style, np.ones((17, 21)))
    found_mean, found_covariance = statistics(moved, EVERYWHERE)
    np.testing.assert_allclose(found_mean, mean, atol=0.01)
    # Up to the ridge, of variances of some hundreds.
    np.testing.assert_allclose(found_covariance, covariance, atol=3)


def test_statistics_are_taken_where_the_masks_are() -> None:
    content, style = clouds(3), clouds(4)
    half = EVERYWHERE.copy()
    half[:, 15:] = 0
    soft = np.tile(np.linspace(0, 1, 30, dtype=np.float32), (24, 1))
    unlike = content.copy(), style.copy()
    unlike[0][:, :, 15:] = 7
    expected = match_colors(content, half, style, half)
    unlike[1][:, :, 15:] = 200
    found = match_colors(unlike[0], half, unlike[1], half)
    np.testing.assert_allclose(found[:, :, :15], expected[:, :, :15], atol=1e-3)
    mean, _ = statistics(match_colors(content, soft, style, EVERYWHERE), soft)
    np.testing.assert_allclose(mean, statistics(style, EVERYWHERE)[0], atol=0.01)


def test_a_picture_in_its_own_colors_stays_as_it_is() -> None:
    content = clouds(5)
    same = match_colors(content, EVERYWHERE, content, EVERYWHERE)
    np.testing.assert_allclose(same, content, atol=1e-3)


def test_flat_pictures_and_strong_colors_stay_pictures() -> None:
    flat = np.full((3, 24, 30), 90, np.float32)
    loud = (np.random.default_rng(6).integers(0, 2, (3, 24, 30)) * 255).astype(np.float32)
    for content, style in ((flat, loud), (loud, flat), (flat, flat)):
        moved = match_colors(content, EVERYWHERE, style, EVERYWHERE)
        assert np.isfinite(moved).all()
        assert moved.min() >= 0
        assert moved.max() <= 255
    np.testing.assert_allclose(
        match_colors(flat, EVERYWHERE, flat + 40, EVERYWHERE), 130, atol=0.01
    )


def test_the_statistics_of_a_large_style_take_little_memory() -> None:
    style = np.random.default_rng(8).uniform(0, 255, (3, 1500, 1500)).astype(np.float32)
    picture, ones = style[:, :40, :50].copy(), np.ones((1500, 1500), np.float32)
    tracemalloc.start()
    try:
        match_colors(picture, ones[:40, :50].copy(), style, ones)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * style.nbytes  # in one piece it takes six times as much as the style
