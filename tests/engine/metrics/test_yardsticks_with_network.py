"""Style distance and content structure with the real network, on pictures of known figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from engine.metrics.content_structure import content_structure
from engine.metrics.style_distance import LAYERS, style_distance
from engine.network import Network
from models.kernels import Kernels

pytestmark = pytest.mark.usefixtures("sessions_kept")


@pytest.fixture(scope="module")
def network(kernels: Kernels) -> Network:
    return Network(kernels, pooling="max", device="cpu", threads=1)


def texture(seed: int, period: float, height: int = 96, width: int = 96) -> np.ndarray:
    """Return colored noise of about one period in pixels."""
    random = np.random.default_rng(seed)
    small = (3, math.ceil(height / period), math.ceil(width / period))
    values = random.uniform(0, 255, small).astype(np.float32)
    images = [Image.fromarray(each).resize((width, height), Image.Resampling.BICUBIC)
              for each in values]  # fmt: skip
    return np.clip(np.stack([np.asarray(each) for each in images]), 0, 255)


def scene(seed: int = 3) -> np.ndarray:
    """Return a picture of some shapes."""
    y, x = np.mgrid[:128, :160]
    picture = np.stack([60 + y, 200 - y / 2, 90 + x / 2]).astype(np.float32)
    random = np.random.default_rng(seed)
    for _ in range(8):
        middle, radius = random.uniform(10, 120, 2), random.uniform(8, 25)
        inside = np.hypot(y - middle[0], x - middle[1]) < radius
        picture[:, inside] = random.uniform(0, 255, (3, 1))
    return picture


def test_a_texture_is_nearer_to_itself_than_to_others(network: Network) -> None:
    style = texture(1, 4)
    itself = style_distance(network, style, style)
    assert itself.value == 0
    assert itself.left_out == ()
    assert itself.by_layer == dict.fromkeys(LAYERS, 0)
    again = style_distance(network, texture(2, 4), style).value
    coarser = style_distance(network, texture(2, 12), style).value
    flat = style_distance(network, np.full_like(style, 128), style).value
    assert 0 < again < coarser / 2 < flat
    assert flat > 0.5
    # The same texture somewhere else is the same texture.
    moved = style_distance(network, np.roll(style, (30, 45), (1, 2)), style).value
    assert moved < coarser / 4


def test_a_layer_s_distance_is_the_one_of_its_definition(network: Network) -> None:
    """One layer by hand, its marginals by SciPy, at one size of the three."""
    from scipy.stats import wasserstein_distance

    from engine.metrics import style_distance as module
    from engine.metrics.sliced_wasserstein import random_bases

    painted, style = texture(4, 3, 64, 64), texture(5, 6, 64, 64)
    layer = "conv4_3"
    F, S = (network.features(each, (layer,))[layer] for each in (painted, style))
    (basis,) = random_bases(512, 1, module.SEED)
    squares = ((np.sort(basis @ F) - np.sort(basis @ S)) ** 2).mean(axis=1)
    # The first moment's distance is below the second's, and not by much.
    firsts = [wasserstein_distance(a, b) for a, b in zip(basis @ F, basis @ S)]
    assert sum(np.square(firsts)) < squares.sum() < 4 * sum(np.square(firsts))
    wanted = np.sqrt(squares.sum() / S.astype(np.float64).var(axis=1).sum())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SIZES", (1.0,))
        found = style_distance(network, painted, style).by_layer[layer]
    assert found == pytest.approx(wanted, rel=1e-4)


def test_masks_say_what_is_compared(network: Network) -> None:
    style, other = texture(1, 4, 128, 128), texture(2, 16, 128, 128)
    both = np.concatenate([style, other], axis=2)
    left = np.zeros(both.shape[1:], np.float32)
    left[:, :112] = 1
    right = np.zeros_like(left)
    right[:, 144:] = 1
    near = style_distance(network, both, style, left).value
    far = style_distance(network, both, style, right).value
    mixed = style_distance(network, both, style).value
    assert near < mixed < far
    assert style_distance(network, style, both, None, left).value < far / 2


def test_a_soft_mask_mixes_by_its_values(network: Network) -> None:
    style, other = texture(1, 4, 128, 128), texture(2, 16, 128, 128)
    both = np.concatenate([style, other], axis=2)
    values = []
    for share in (0.0, 0.2, 0.5, 1.0):
        mask = np.ones(both.shape[1:], np.float32)
        mask[:, 128:] = share
        values.append(style_distance(network, both, style, mask).value)
    assert values == sorted(values)
    assert values[0] < 0.8 * values[-1]


def test_a_region_that_covers_nothing_has_no_distance(network: Network) -> None:
    style = texture(1, 4, 64, 64)
    found = style_distance(network, style, style, np.zeros((64, 64), np.float32))
    assert math.isnan(found.value)
    assert found.left_out == LAYERS


def test_another_pooling_is_refused(kernels: Kernels) -> None:
    network = Network(kernels, pooling="average", device="cpu", threads=1)
    picture = texture(1, 4, 32, 32)
    for measure in (style_distance, content_structure):
        with pytest.raises(ValueError, match="'average', not 'max'"):
            measure(network, picture, picture)


def test_structure_is_kept_by_colors_and_lost_by_noise(network: Network) -> None:
    content = scene()
    assert content_structure(network, content, content) == 0
    negative = content_structure(network, 255 - content, content)
    textured = content_structure(network, content / 2 + texture(1, 4, 128, 160) / 2, content)
    other = content_structure(network, scene(7), content)
    mere_noise = content_structure(network, texture(1, 4, 128, 160), content)
    assert negative < textured < mere_noise <= 2
    assert negative < other


def test_the_structure_s_loss_is_that_of_its_definition(network: Network) -> None:
    content, result = scene()[:, :64, :80], texture(3, 8, 64, 80)
    mask = np.ones((64, 80), np.float32)

    def columns(picture: np.ndarray) -> np.ndarray:
        F = network.features(picture, ("conv4_3",))["conv4_3"].astype(np.float64)
        distances = np.empty((F.shape[1], F.shape[1]))
        for i in range(F.shape[1]):
            for j in range(F.shape[1]):
                cosine = F[:, i] @ F[:, j] / np.linalg.norm(F[:, i]) / np.linalg.norm(F[:, j])
                distances[i, j] = 1 - cosine
        return distances / distances.sum(axis=0)

    wanted = np.abs(columns(result) - columns(content)).sum() / (8 * 10)
    assert content_structure(network, result, content) == pytest.approx(wanted, rel=1e-6)
    assert content_structure(network, result, content, mask) == pytest.approx(wanted, rel=1e-6)


def test_structure_counts_in_the_region_alone(network: Network) -> None:
    content = scene()
    result = content.copy()
    result[:, :, 80:] = texture(1, 4, 128, 80)
    left = np.zeros(content.shape[1:], np.float32)
    left[:, :32] = 1
    right = np.zeros_like(left)
    right[:, 112:] = 1
    # The receptive field of conv4_3 is 92 pixels wide, so positions beside the region see a little.
    assert content_structure(network, result, content, left) < 0.01
    assert content_structure(network, result, content, right) > 0.1
    assert math.isnan(content_structure(network, result, content, np.zeros_like(left)))
    with pytest.raises(ValueError, match="shape"):
        content_structure(network, result[:, :64], content)
