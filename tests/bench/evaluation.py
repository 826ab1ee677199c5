"""Benchmark of one evaluation (loss and gradient) against PyTorch, with memory and start-up time.

    PYTHON -m tests.bench.evaluation [--side 512] [--rounds 7] [--torch PYTHON]
    PYTHON -m tests.bench.evaluation [--side 512] [--rounds 7] --threads N [N ...]

PYTHON is the environment of `install.py test`. `--torch` names a Python with PyTorch, numpy, Pillow
and protobuf; Scumble itself does not need PyTorch. `--threads` compares numbers of threads instead,
in Scumble with one region. Each program runs in its own process. They take
turns: only one computes at a time, and a machine that slows down affects all of them. Prints a
table in Markdown and appends the figures to `history.jsonl`. Where other work shares the machine,
pin all of it to one processor (`taskset -c 0`) and read the ratio of processor seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.threads import thread_count
from tests.bench import history

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = 2


class Program:
    """A process that evaluates once per line on its standard input."""

    def __init__(self, title: str, command: list[str]) -> None:
        self.title = title
        self.answers: list[dict[str, float]] = []
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self) -> None:
        """Evaluate once and keep the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.answers.append(json.loads(self._process.stdout.readline()))

    def end(self) -> None:
        """Close the input of the process, which ends it."""
        self._process.communicate()

    @property
    def seconds(self) -> list[float]:
        """The times of the turns after the warm-up."""
        return self.after_warm_up("seconds")

    def after_warm_up(self, name: str) -> list[float]:
        """Return one figure of each turn after the warm-up."""
        return [answer[name] for answer in self.answers[WARM_UP:]]


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512, help="pixels (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="turns (default: %(default)s)")
    parser.add_argument("--torch", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--threads", type=int, nargs="+", metavar="N", help="numbers to compare")
    options = parser.parse_args()
    if options.threads:
        compare_threads(options.threads, options.side, options.rounds)
    else:
        compare_programs(options.torch, options.side, options.rounds)


def scumble(title: str, side: int, regions: str, threads: int = 0) -> Program:
    """Start Scumble; 0 threads are as many as it takes by itself."""
    module = "tests.bench.evaluate_scumble"
    return Program(title, [sys.executable, "-m", module, str(side), regions, str(threads)])


def take_turns(programs: list[Program], rounds: int) -> None:
    """Let each program evaluate in turn, and end all."""
    for _ in range(rounds + WARM_UP):
        for program in programs:
            program.turn()
    for program in programs:
        program.end()


def compare_threads(counts: list[int], side: int, rounds: int) -> None:
    """Print the time with each number of threads, and its ratio to that with the first one."""
    programs = [scumble(f"{count} threads", side, "one", count) for count in counts]
    take_turns(programs, rounds)
    heads = ["threads", "seconds", "of the first", "processor time, of the first's"]
    print(f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", sep="\n")
    figures = {}
    for count, program in zip(counts, programs):
        ratio, processor = (_ratio(program, programs[0], name) for name in ("seconds", "processor"))
        median = statistics.median(program.seconds)
        print(f"| {count} | {median:.3f} | {ratio:.2f} | {processor:.2f} |")
        figures[f"{program.title}, seconds"] = median
        figures[f"{program.title}, of {counts[0]}"] = ratio
    history.append(f"threads {side}", figures)


def compare_programs(torch: str, side: int, rounds: int) -> None:
    """Print the time of each program, and how long the engine takes to start."""
    programs = [
        scumble("Scumble, one region", side, "one"),
        scumble("Scumble, two regions, hard edge", side, "hard"),
        scumble("Scumble, two regions, sigmoid", side, "soft"),
        scumble("Scumble, two regions, sigmoid, banded", side, "banded"),
    ]
    eager = [torch, "-m", "tests.bench.evaluate_torch", str(side)]
    programs.insert(0, Program("PyTorch, eager autograd", eager))
    take_turns(programs, rounds)
    threads = thread_count(0)
    print(f"{side}x{side}, {threads} threads, {platform.machine()}, medians of")
    print(f"{rounds} turns, ratios turn by turn.\n")
    heads = ["program", "seconds", "fastest", "of PyTorch", "processor time, of PyTorch's"]
    heads += ["of one region", "peak memory, MB"]
    print(f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", sep="\n")
    figures = {}
    for program in programs:
        of_torch, of_torch_processor = (
            _ratio(program, programs[0], name) for name in ("seconds", "processor")
        )
        print(
            f"| {program.title} | {statistics.median(program.seconds):.3f} "
            f"| {min(program.seconds):.3f} | {of_torch:.2f} | {of_torch_processor:.2f} "
            f"| {_ratio(program, programs[1]):.2f} | {program.answers[-1]['peak'] / 1e6:.0f} |"
        )
        figures[f"{program.title}, of PyTorch"] = of_torch
        figures[f"{program.title}, processor time of PyTorch's"] = of_torch_processor
    history.append(f"evaluation {side}", figures)
    ours, theirs = programs[1].answers[-1], programs[0].answers[-1]
    for name in ("loss", "gradient"):
        print(
            f"\nRelative difference of the {name}: {abs(ours[name] / theirs[name] - 1):.1e}", end=""
        )
    print()
    print(start(rounds))


def start(rounds: int) -> str:
    """Measure the time from the engine's start to its first lines, warm, and describe it."""
    found: dict[str, list[float]] = {"hello": [], "progress": [], "paint": []}
    for _ in range(rounds):
        folder = tempfile.mkdtemp(prefix="scumble-run-")
        demo = ROOT / "docs" / "demo"
        job = {
            "content": str(demo / "photo.jpg"),
            "output": "result.png",
            "regions": [{"style": str(demo / "style-oil.jpg")}],
            "size": 256 * 256,
            "iterations": 1,
        }
        (Path(folder) / "job.json").write_text(json.dumps(job), encoding="utf-8")
        began = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "engine", "worker", folder],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            seen: set[str] = set()
            for line in process.stdout:
                message = json.loads(line)
                kinds = {message["type"], message.get("stage")} & set(found) - seen
                for kind in kinds:
                    found[kind].append(time.perf_counter() - began)
                seen |= kinds
                if message["type"] in ("done", "error"):
                    break
            process.stdin.close()
            process.stdout.read()
    hello, progress, paint = (statistics.median(found[name]) for name in found)
    return (
        f"\nEngine start, warm, 256x256: hello after {hello:.2f} s, first progress line after "
        f"{progress:.2f} s, first painted evaluation after {paint:.2f} s."
    )


def _ratio(program: Program, other: Program, name: str = "seconds") -> float:
    pairs = zip(program.after_warm_up(name), other.after_warm_up(name))
    return statistics.median(a / b for a, b in pairs)


if __name__ == "__main__":
    main()
