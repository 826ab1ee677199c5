"""`scumble batch` on real Dask workers: the same files, none lost and none written twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("distributed")

from distributed import Client, LocalCluster

from engine.batch import batch_run, cluster
from engine.batch.dask_worker import Fitness
from engine.job import Job, Region
from engine.loss.blocks import BlockedLosses
from engine.loss.make_terms import ScaleInputs, all_terms
from engine.loss.targets import compute_targets
from engine.loss.tile_map import evaluate
from engine.loss.tiles import evaluator_maker
from engine.loss.tiling import Plan, Tiling
from engine.masks.mask import Mask
from engine.masks.regions import LoadedRegion
from engine.methods import METHODS
from engine.network import Network
from models.kernels import Kernels
from tests.engine.batch.batches import NAMES, batch, make_batch, results, statuses, table
from tests.engine.programs import PATIENCE, environment

pytestmark = [
    pytest.mark.usefixtures("weights_checked_once"),
    pytest.mark.filterwarnings("default"),  # Dask's own
]


@pytest.fixture(scope="module")
def workers(home: Path) -> Iterator[LocalCluster]:
    """Return a running scheduler with two workers, as a user's own cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCUMBLE_HOME", str(home))
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0,
            host="127.0.0.1",
        ) as running:  # fmt: skip
            yield running


@pytest.fixture
def client(workers: LocalCluster) -> Iterator[Client]:
    with Client(workers, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=PATIENCE)
        yield client


@pytest.fixture
def alter(client: Client) -> Iterator[Callable[..., None]]:
    """Return what changes names of the workers' module for one test."""
    changed: list[str] = []

    def alter(**names: str) -> None:
        for name, source in names.items():
            changed.append(name)
            _everywhere(client, f"before_{name} = {name}; {name} = {source}")

    yield alter
    for name in changed:
        _everywhere(client, f"{name} = before_{name}")


def _everywhere(client: Client, code: str) -> None:
    client.run(exec, f"import engine.batch.dask_worker as w; exec({code!r}, vars(w))")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, weights: dict) -> Path:
    """Return a folder whose batch was painted in one process."""
    folder = make_batch(tmp_path_factory.mktemp("alone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.network.Weights", lambda path: weights)
        assert batch(folder, "--workers", "0") == 0
    return folder


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each result is written."""
    counted: Counter[str] = Counter()
    write = batch_run.write_encoded

    def counting(job: object, files: object) -> tuple[str, ...]:
        counted[Path(job.output).stem] += 1  # type: ignore[attr-defined]
        return write(job, files)  # type: ignore[arg-type]

    monkeypatch.setattr(batch_run, "write_encoded", counting)
    return counted


def test_results_are_those_of_one_process(
    workers: LocalCluster, client: Client, alone: Path, tmp_path: Path, written: Counter[str]
) -> None:
    folder = make_batch(tmp_path)
    assert batch(folder, "--scheduler", workers.scheduler_address) == 0
    assert results(folder) == results(alone)
    assert written == dict.fromkeys(NAMES, 1)
    assert {row["worker"] for row in table(folder)} == {
        each.rpartition("//")[2] for each in client.nthreads()
    }
    # Each worker has kept the network and the style from its first picture on.
    kept = client.run(
        eval, "len(__import__('engine.batch.dask_worker').batch.dask_worker._warm[0]._styles)"
    )
    assert set(kept.values()) == {1}
    assert not list((folder / "out").glob("scumble-run-*"))


def test_without_a_shared_folder_files_are_sent_both_ways(
    workers: LocalCluster, alter: Callable[..., None], alone: Path, tmp_path: Path, client: Client
) -> None:
    folder = make_batch(tmp_path)
    # As on a machine that has none of these files at their places.
    alter(checksum="lambda path: ''")
    _everywhere(client, "before_shared = Folder.is_shared; Folder.is_shared = lambda self: False")
    _everywhere(client, "before_receive = receive; received = []; receive = lambda files: "
                "(received.extend(files), before_receive(files))[1]")  # fmt: skip
    try:
        assert batch(folder, "--scheduler", workers.scheduler_address) == 0
        found = client.run(
            eval, "__import__('engine.batch.dask_worker').batch.dask_worker.received"
        )
    finally:
        _everywhere(client, "Folder.is_shared = before_shared; receive = before_receive")
    assert results(folder) == results(alone)
    style = __import__("hashlib").sha256((folder / "oil.png").read_bytes()).hexdigest()
    assert {worker: sums.count(style) for worker, sums in found.items()} == dict.fromkeys(found, 1)


def test_pictures_of_a_killed_worker_are_painted_by_others_and_written_once(
    workers: LocalCluster, client: Client, alone: Path, tmp_path: Path, written: Counter[str]
) -> None:
    folder = make_batch(tmp_path, iterations=8)
    killed: list[str] = []

    def kill() -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and len(killed) < 2:
            there = len(list((folder / "out").glob("*.png")))
            if there > len(killed) or (not killed and client.processing()):
                pids = client.run(os.getpid)
                busy = [address for address, keys in client.processing().items() if keys]
                if busy and busy[0] in pids:
                    os.kill(pids[busy[0]], signal.SIGKILL)
                    killed.append(busy[0])
            time.sleep(0.1)

    killer = threading.Thread(target=kill)
    killer.start()
    assert batch(folder, "--scheduler", workers.scheduler_address) == 0
    killer.join()
    assert killed
    assert set(statuses(folder).values()) == {"painted"}
    assert written == dict.fromkeys(NAMES, 1)


def test_a_bad_file_is_reported_and_the_others_are_painted(
    workers: LocalCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_batch(tmp_path, ("a", "b"))
    file = folder / "walk" / "a.png"
    file.write_bytes(file.read_bytes()[:300])
    assert batch(folder, "--scheduler", workers.scheduler_address) == 1
    assert statuses(folder) == {"a.png": "failed", "b.png": "painted"}
    assert f"{file} cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"__version__": "'0.0.9'"}, "has Scumble 0.0.9, and this is Scumble"),
        ({"model_file": "lambda: Path('/nowhere/vgg16.npz')"}, "cannot paint"),
    ],
)
def test_a_worker_that_cannot_paint_is_named_before_anything_is_painted(
    workers: LocalCluster, alter: Callable[..., None], tmp_path: Path, changes: dict[str, str],
    words: str, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    alter(**changes)
    folder = make_batch(tmp_path, ("a",))
    assert batch(folder, "--scheduler", workers.scheduler_address) == 1
    errors = capsys.readouterr().err
    assert "The worker tcp://127.0.0.1:" in errors
    assert words in errors
    assert "Traceback" not in errors
    assert results(folder) == {}


def test_a_worker_with_another_onnxruntime_says_so() -> None:
    own = Fitness("1.0", "1.32.0", "3.11.7")
    theirs = Fitness("1.0", "1.30.0", "3.11.7")
    assert "has onnxruntime 1.30.0, and this is onnxruntime 1.32.0" in theirs.why_not("w", own)
    assert own.why_not("w", own) == ""


def test_a_scheduler_without_workers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    folder = make_batch(tmp_path, ("a",))
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as empty:
        assert batch(folder, "--scheduler", empty.scheduler_address) == 1
    assert "has no workers" in capsys.readouterr().err


def test_a_scheduler_that_does_not_answer_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    folder = make_batch(tmp_path, ("a",))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        assert batch(folder, "--scheduler", address) == 1
    assert "does not answer" in capsys.readouterr().err
    assert batch(folder, "--scheduler", "nowhere.json") == 2
    assert "neither a file nor an address" in capsys.readouterr().err


@pytest.mark.usefixtures("hears_interrupts")
def test_workers_of_this_machine_paint_the_same_and_survive_ctrl_c(
    home: Path, alone: Path, tmp_path: Path
) -> None:
    folder = make_batch(tmp_path)
    arguments = ["batch", "job.json", "walk", "--out", "out", "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "engine", *arguments],
        cwd=folder,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not results(folder) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
        output, errors = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in errors
    assert "Dashboard: http://127.0.0.1:" in errors
    assert process.returncode in (0, 130), errors
    assert "4 pictures: " in output
    for name, content in results(folder).items():
        assert content == results(alone)[name]
    left = [name for name, status in statuses(folder).items() if status == "left"]
    assert len(left) + len(results(folder)) == 4
    assert gone(process.pid), "a worker is left"


def gone(group: int) -> bool:
    """Wait until no process of a group is left."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("keeps_content", [True, False])
def test_one_evaluation_over_two_workers_is_that_of_one_process(
    client: Client, kernels: Kernels, keeps_content: bool
) -> None:
    size, styles = (112, 176), ("conv1_1", "conv2_1", "conv3_1")
    job = Job(
        content="c",
        regions=(Region("a"), Region("b")),
        style_layers=tuple((layer, 1 / 3) for layer in styles),
        content_layers=(("conv2_2", 1.0),),
        smoothing=3.0,
    )
    layers = (*styles, "conv2_2")
    random = np.random.default_rng(4)
    content, picture = random.uniform(0, 255, (2, 3, *size)).astype(np.float32)
    mask = np.tile(np.linspace(0, 1, size[1], dtype=np.float32), (size[0], 1))
    style = random.uniform(0, 255, (3, 60, 50)).astype(np.float32)
    whole = np.ones(style.shape[1:], np.float32)
    regions = [
        LoadedRegion("a", style, whole, Mask(mask), 1.0, 1.0),
        LoadedRegion("b", 255 - style, whole, Mask(1 - mask), 1.0, 1.0),
    ]
    network = Network(kernels, device="cpu", threads=1)
    targets = compute_targets(job, network, content, regions, lambda index: None, pytest.fail)
    masks = [mask, 1 - mask]
    inputs = ScaleInputs(job, METHODS["joint"], size, regions, masks, targets, pytest.fail)
    plan = Plan(Tiling.of(size, layers, (1, 1)), 0, 0)
    with BlockedLosses(1) as losses:
        make = evaluator_maker(network, plan, layers, losses, content)
        expected = next(iter(make([all_terms(inputs)])(picture)))
    if not keeps_content:
        contents = {layer: (None, weight) for layer, (_, weight) in targets.contents.items()}
        inputs = replace(inputs, targets=replace(targets, contents=contents))
    used: set[str] = set()

    def over_workers(function: Callable, tasks: Sequence) -> list:
        futures = client.map(function, tasks, pure=False)
        done = client.gather(futures)
        used.update(sum(client.who_has(futures).values(), ()))
        return done

    tiling = Tiling.of(size, layers, (2, 3))
    found = evaluate(picture, all_terms(inputs), tiling, layers, over_workers, content=content)
    assert len(used) == 2
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    assert found.parts == pytest.approx(expected.parts, rel=1e-5)
    away = np.linalg.norm(found.gradient - expected.gradient)
    assert away <= 1e-5 * np.linalg.norm(expected.gradient)


def test_dask_is_not_imported_until_it_is_asked_for() -> None:
    code = "import sys, engine.cli.batch; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
