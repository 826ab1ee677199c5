"""The search whose vectors lie in a card's memory, on the processor's provider."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from engine.card_lbfgs import CardLbfgs
from engine.devices import ENTRIES
from engine.events import Device
from engine.job import REST, Job, Region
from engine.network import Network
from engine.optimizers import Lbfgs32
from engine.projected_lbfgs import ProjectedLbfgs
from engine.run import stylize
from models.kernels import Kernels

SHAPE = (3, 7, 11)
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


@pytest.fixture
def network(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Return a network that treats the processor as a card: nothing is read without a copy."""
    card = replace(ENTRIES["cpu"], host_memory=False, forms={})
    monkeypatch.setitem(ENTRIES, "cpu", card)
    found = Network(kernels, device="cpu", threads=2)
    assert found.losses == "card"
    return found


def bowl(seed: int) -> Loss:
    """Make a quadratic of many scales whose minimum lies partly outside of 0 to 255."""
    random = np.random.default_rng(seed)
    size = int(np.prod(SHAPE))
    turn = np.linalg.qr(random.normal(size=(size, size)))[0]
    matrix = turn @ np.diag(np.geomspace(0.05, 20, size)) @ turn.T
    middle = random.uniform(-80, 335, size)

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        away = x.ravel().astype(np.float64) - middle
        gradient = matrix @ away
        return float(away @ gradient) / 2, gradient.reshape(SHAPE).astype(np.float32)

    return loss


def course(search: ProjectedLbfgs, loss: Loss, count: int) -> tuple[list[float], np.ndarray]:
    losses = []
    for _ in range(count):
        value, gradient = loss(search.trial)
        losses.append(value)
        search.tell(value, gradient)
        if search.converged:
            break
    return losses, search.trial.copy()


@pytest.mark.parametrize("memory", [1, 4])
@pytest.mark.parametrize("pinned", [False, True])
def test_it_takes_the_steps_of_the_search_in_numpy(
    network: Network, memory: int, pinned: bool
) -> None:
    random = np.random.default_rng(5)
    start = random.uniform(-20, 275, SHAPE).astype(np.float32)
    low, high = np.float32(0), np.float32(255)
    bounds: tuple[np.ndarray | float, np.ndarray | float] = (0.0, 255.0)
    if pinned:
        free = random.random(SHAPE) < 0.7
        kept = np.clip(start, 0, 255)
        bounds = np.where(free, low, kept), np.where(free, high, kept)
    loss = bowl(3)
    expected, picture = course(ProjectedLbfgs(start, *bounds, memory), loss, 12)
    found, other = course(CardLbfgs(network, start, *bounds, memory), loss, 12)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(other, picture, atol=0.1)
    assert other.min() >= 0
    assert other.max() <= 255
    if pinned:
        np.testing.assert_array_equal(other[~free], kept[~free])
    # In the end rounding parts the ways, and both arrive.
    end = course(ProjectedLbfgs(start, *bounds, memory), loss, 200)[0][-1]
    assert course(CardLbfgs(network, start, *bounds, memory), loss, 200)[0][-1] <= 1.001 * end


def test_a_resumed_search_goes_the_same_way(network: Network) -> None:
    start = np.full(SHAPE, 100, np.float32)
    loss = bowl(8)
    whole = CardLbfgs(network, start, 0.0, 255.0, 3)
    course(whole, loss, 7)
    numbers, arrays = whole.state()
    other = CardLbfgs(network, start, 0.0, 255.0, 3)
    other.restore(numbers, {name: array.copy() for name, array in arrays.items()})
    np.testing.assert_array_equal(other.trial, whole.trial)
    assert course(other, loss, 6)[0] == course(whole, loss, 6)[0]


def test_a_direction_uphill_starts_over_and_still_arrives(network: Network) -> None:
    """Losses that contradict the gradient end a line search; the pairs are forgotten then."""
    calls = 0

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal calls
        calls += 1
        value, gradient = bowl(3)(x)
        return (1e12 if 6 <= calls < 20 else value), gradient

    search = CardLbfgs(network, np.full(SHAPE, 100, np.float32), 0.0, 255.0, 3)
    losses, _ = course(search, loss, 60)
    assert min(losses[25:]) < min(losses[:5])


def test_the_optimizer_says_where_it_works(network: Network) -> None:
    optimizer = Lbfgs32(4, partial(CardLbfgs, network))
    assert optimizer.used == "float32 L-BFGS on the card with a memory of 4 steps"
    assert Lbfgs32(4).used == "float32 L-BFGS with a memory of 4 steps"


@pytest.mark.usefixtures("kernels_made_once")
@pytest.mark.parametrize("method", ["joint", "gradient"])
def test_a_whole_painting_on_a_card_is_that_of_the_processor(
    network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path, method: str
) -> None:
    random = np.random.default_rng(2)
    for name in ("content", "style"):
        waves = random.uniform(0, 1, (6, 8, 3)).repeat(6, axis=0).repeat(6, axis=1)
        np.save(tmp_path / f"{name}.npy", waves.astype(np.float32))
    np.save(tmp_path / "mask.npy", np.tile(np.linspace(0, 1, 48, dtype=np.float32), (36, 1)))
    style = str(tmp_path / "style.npy")
    job = Job(
        content=str(tmp_path / "content.npy"),
        output="-",
        regions=(Region(style, str(tmp_path / "mask.npy")), Region(style, REST)),
        size=0,
        iterations=4,
        smoothing=3.0,
        method=method,
        protect=str(tmp_path / "mask.npy"),  # else only the processor's L-BFGS has a diagonal
        optimizer="auto" if method == "gradient" else "lbfgs32",
        device="cpu",
        threads=2,
    )
    devices: list[Device] = []

    def note(event: object) -> None:
        if isinstance(event, Device):
            devices.append(event)

    card = stylize(job, note, threading.Event())
    monkeypatch.setitem(ENTRIES, "cpu", replace(ENTRIES["cpu"], host_memory=True))
    processor = stylize(job, note, threading.Event())
    assert [each.losses for each in devices] == ["card", "processor"]
    assert (card.losses, processor.losses) == ("card", "processor")
    np.testing.assert_allclose(card.loss, processor.loss, rtol=1e-3)
    assert np.abs(card.picture.rgb - processor.picture.rgb).mean() < 0.1
