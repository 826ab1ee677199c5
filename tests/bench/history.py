"""History of the benchmarks: what was measured when, on which processor, at which commit.

    PYTHON -m tests.bench.history [BENCH]

prints each benchmark's latest figures beside those before them on the same processor. Benchmarks
that compare figures append one line of JSON to `history.jsonl` beside this file; commit that with
the change that was measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from engine import speed
from engine.threads import usable_processors

FILE = Path(__file__).with_name("history.jsonl")


def append(bench: str, figures: dict[str, float], file: Path = FILE) -> None:
    """Add one run of a benchmark.

    Parameters
    ----------
    bench : str
        Its name, with whatever sets this run apart, such as the size of the picture.
    figures : dict of str to float
        What it has measured, by name with its unit.
    file : Path
    """
    line = {
        "bench": bench,
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "processor": f"{speed.machine()}, processors: {usable_processors()}",
        "figures": {name: float(f"{figure:.4g}") for name, figure in figures.items()},
    }
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")


def commit() -> str:
    """Return the commit of this checkout, with a plus where files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=FILE.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def comparison(lines: list[dict[str, Any]]) -> list[str]:
    """Return the lines of tables: each benchmark's latest run and the one before it.

    Parameters
    ----------
    lines : list of dict
        The history, the oldest run first.
    """
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in lines:
        runs.setdefault((each["bench"], each["processor"]), []).append(each)
    text = []
    for (bench, processor), of_kind in runs.items():
        latest = of_kind[-1]
        before = of_kind[-2] if len(of_kind) > 1 else None
        text += [f"\n{bench}, {processor}\n"]
        heads = ["figure", *(f"{each['date']}, {each['commit']}" for each in of_kind[-2:])]
        text.append(f"| {' | '.join(heads)} |{' change |' if before else ''}")
        text.append("|---" * (len(heads) + bool(before)) + "|")
        for name, figure in latest["figures"].items():
            cells = [name, f"{figure:.4g}"]
            earlier = before["figures"].get(name) if before else None
            if before:
                cells.insert(1, f"{earlier:.4g}" if earlier is not None else "")
                cells.append(f"{figure / earlier - 1:+.1%}" if earlier else "")
            text.append(f"| {' | '.join(cells)} |")
    return text


def read(file: Path = FILE) -> list[dict[str, Any]]:
    """Return the history, the oldest run first; none without a file."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", nargs="?", default="", help="the beginning of a benchmark's name")
    asked = parser.parse_args()
    chosen = [each for each in read() if each["bench"].startswith(asked.bench)]
    print("\n".join(comparison(chosen)) or "Nothing was measured yet.")


if __name__ == "__main__":
    main()
