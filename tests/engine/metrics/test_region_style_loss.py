"""The region style loss: one yardstick for every method, with the real network."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.job import Job
from engine.loss.definition import masked_gram
from engine.masks.propagation import propagate
from engine.metrics.region_style_loss import region_style_loss
from engine.network import Network
from models.kernels import Kernels
from models.vgg16 import CHANNELS

pytestmark = pytest.mark.usefixtures("sessions_kept")


@pytest.fixture(scope="module")
def network(kernels: Kernels) -> Network:
    return Network(kernels, device="cpu", threads=1)


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return stripes and noise, smaller than the receptive field of conv5_1."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:64, :96]
    stripes = np.stack([120 + 100 * np.sin(x / 2), 90 + 50 * np.sin(y / 3), 60 + 0.0 * x])
    return stripes.astype(np.float32), random.uniform(0, 255, (3, 64, 96)).astype(np.float32)


def test_the_style_itself_has_no_style_loss(network, pictures):
    stripes, noise = pictures
    everywhere = np.ones(stripes.shape[1:], np.float32)
    assert region_style_loss(network, stripes, stripes, everywhere) == (0, ())
    other, left_out = region_style_loss(network, noise, stripes, everywhere)
    assert other > 1e6
    assert left_out == ()


def test_the_loss_is_the_masked_loss_of_inside_guidance(network, pictures):
    stripes, noise = pictures
    mask = np.zeros(stripes.shape[1:], np.float32)
    mask[:, :64] = 1
    found = region_style_loss(network, noise, stripes, mask)
    # The receptive field of conv4_1 fits in, cut at the picture's edge; that of conv5_1 does not.
    layers = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
    assert found.left_out == ("conv5_1",)
    guidance = propagate(mask, layers, "inside")
    features, targets = network.features(noise, layers), network.features(stripes, layers)
    desired = 0.0
    for layer in layers:
        T = guidance[layer].ravel()
        target = masked_gram(targets[layer], np.ones_like(T))
        difference = masked_gram(features[layer], T) - target
        desired += 0.2 * T.mean() / (4 * CHANNELS[layer] ** 2) * np.square(difference).sum()
    assert dict(Job().style_layers)["conv1_1"] == 0.2
    assert found.value == pytest.approx(float(desired), rel=1e-4)


def test_what_is_outside_does_not_count(network, pictures):
    stripes, noise = pictures
    mask = np.zeros(stripes.shape[1:], np.float32)
    mask[:, 24:] = 1
    mixed = np.where(mask > 0, noise, stripes)
    first = region_style_loss(network, mixed, stripes, mask)
    assert region_style_loss(network, noise, stripes, mask).value == pytest.approx(
        first.value, rel=1e-5
    )
    better = region_style_loss(network, np.where(mask > 0, stripes, noise), stripes, mask)
    assert better.value < 0.1 * first.value


def test_a_region_that_no_layer_sees_alone(network, pictures):
    stripes, noise = pictures
    mask = np.zeros(stripes.shape[1:], np.float32)
    mask[30:32, 40:42] = 1
    value, left_out = region_style_loss(network, noise, stripes, mask)
    assert math.isnan(value)
    assert left_out == tuple(layer for layer, _ in Job().style_layers)


def test_only_the_given_part_of_the_style_picture_is_the_style(network, pictures):
    stripes, noise = pictures
    joined = np.concatenate([stripes, noise], axis=2)
    part = np.zeros(joined.shape[1:], np.float32)
    part[:, :96] = 1
    everywhere = np.ones(joined.shape[1:], np.float32)
    whole = region_style_loss(network, joined, joined, everywhere)
    assert whole == (0, ())
    ours = np.concatenate([stripes, stripes[:, :, ::-1]], axis=2)
    of_part = region_style_loss(network, ours, joined, everywhere, part)
    of_all = region_style_loss(network, ours, joined, everywhere)
    assert of_part.value < 0.1 * of_all.value


def test_the_yardstick_has_one_pooling(kernels, pictures):
    other = Network(kernels, pooling="max", device="cpu", threads=1)
    stripes, noise = pictures
    with pytest.raises(ValueError, match="'max', not 'average'"):
        region_style_loss(other, noise, stripes, np.ones(noise.shape[1:], np.float32))


def test_the_mask_is_of_the_result_s_size(network, pictures):
    stripes, noise = pictures
    with pytest.raises(ValueError, match=r"\(3, 64, 96\) and the mask \(64, 95\)"):
        region_style_loss(network, noise, stripes, np.ones((64, 95), np.float32))
