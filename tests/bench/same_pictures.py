"""Bit-by-bit comparison of the pictures that two checkouts paint.

    python -m tests.bench.same_pictures OLD_CHECKOUT [NEW_CHECKOUT]

Paints a dozen small jobs with the command line of each checkout, in this Python and with one
thread, and compares pictures and losses. The exit status is 1 if any of them differ. Use it for
changes that must not change results.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parents[2]
HEIGHT, WIDTH = 75, 98
"""Odd height, so that pooling drops a row."""


def make_inputs(folder: Path) -> None:
    """Write a content, two styles and masks into a folder."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = np.stack([np.sin(x / 9 + k) * np.cos(y / (7 + k)) for k in range(3)], axis=-1)
    content = 0.5 + 0.4 * waves + random.normal(0, 0.03, waves.shape)
    stripes = np.stack([np.sin((x + k * y) / 3) for k in range(3)], axis=-1)
    blocks = random.random((10, 12, 3)).repeat(8, axis=0).repeat(9, axis=1)
    disc = ((x - 50) ** 2 + (y - 38) ** 2 < 26**2).astype(float)
    arrays = {
        "content": content,
        "stripes": 0.5 + 0.5 * stripes,
        "blocks": blocks,
        "disc": disc,
        "ramp": x / (WIDTH - 1),
        "face": np.exp(-((x - 30) ** 2 + (y - 30) ** 2) / 200),
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", np.clip(values, 0, 1).astype(np.float32))


def jobs() -> dict[str, dict[str, Any]]:
    """Return small jobs for every method, color mode and optimizer, with the old option names."""
    stripes = {"style": "stripes.npy"}
    hard = [{"style": "stripes.npy", "mask": "disc.npy"}]
    two = [{"style": "stripes.npy", "mask": "disc.npy"}, {"style": "blocks.npy", "mask": "rest"}]
    soft = [
        {"style": "stripes.npy", "mask": "ramp.npy", "weight": 2.0},
        {"style": "blocks.npy", "mask": "rest"},
    ]
    part = [{"style": "blocks.npy", "style_mask": "face.npy"}, {"style": "stripes.npy"}]
    return {
        "one style": {"regions": [stripes]},
        "auto hard": {"regions": hard, "uncut": True},
        "auto soft": {"regions": soft, "size": 2500},
        "joint": {"regions": two, "method": "joint", "propagation": "inside", "grow": 1},
        "squared": {"regions": two, "method": "joint", "propagation": "squared", "smoothing": 50.0},
        "banded": {"regions": soft, "method": "banded", "bands": 4, "protect": "face.npy"},
        "pinned": {"regions": hard, "method": "pinned", "size": 3000},
        "gradient": {"regions": two, "method": "gradient", "smoothing": 10.0},
        "stitch": {"regions": soft, "method": "stitch", "scales": 2, "uncut": True},
        "cutout small": {"regions": two, "method": "cutout", "size": 2000, "protect": "face.npy"},
        "max pooling": {"regions": [stripes], "pooling": "max", "init": "noise", "seed": 3},
        "colors": {"regions": part, "init": "colors", "colors": "luminance"},
        "match": {"regions": soft, "colors": "match", "optimizer": "adam", "scales": 2},
        "all": {"regions": hard, "propagation": "all", "lbfgs_memory": 5, "strength": 5.0},
    }


OLD_NAMES = {
    "smoothing": "tv",
    "lbfgs_memory": "history",
    "uncut": "separate",
    "protect": "keep",
    "propagation": "guidance",
}
"""Today's names of a job's fields and those that checkouts of version 0.1.0 understand."""


EARLIER_DEFAULTS = {"init": "content", "statistics": "gram", "grain": 0.0}
"""The defaults of version 0.1.0. Fields that a checkout lacks are left out."""


def defaults_of(checkout: Path) -> dict[str, Any]:
    """Return the values to name for this checkout, so that it paints what earlier ones did."""
    contract = (checkout / "engine" / "job.py").read_text(encoding="utf-8")
    return {name: value for name, value in EARLIER_DEFAULTS.items() if f"    {name}: " in contract}


def names_of(checkout: Path) -> dict[str, str]:
    """Return what this checkout calls the fields that have another name here."""
    contract = (checkout / "engine" / "job.py").read_text(encoding="utf-8")
    return {new: old for new, old in OLD_NAMES.items() if f"    {new}: " not in contract}


def paint(checkout: Path, folder: Path) -> dict[str, str]:
    """Paint every job with one checkout; return a line for each: its pictures and its loss."""
    found = {}
    names, defaults = names_of(checkout), defaults_of(checkout)
    for name, fields in jobs().items():
        job = {"content": "content.npy", "output": "out.npy", "iterations": 8, "threads": 1}
        file = folder / "job.json"
        renamed = {names.get(field, field): value for field, value in fields.items()}
        file.write_text(json.dumps({**defaults, **job, **renamed}), encoding="utf-8")
        command = [sys.executable, "-m", "engine", "job", str(file), "--json"]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        if done.returncode:
            found[name] = f"status {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}"
            continue
        ended = json.loads(done.stdout.strip().splitlines()[-1])
        pictures = sorted(folder.glob("out*.npy"))
        sums = [hashlib.sha256(each.read_bytes()).hexdigest()[:12] for each in pictures]
        found[name] = f"{' '.join(sums)} loss {ended['loss']!r}"
        for each in pictures:
            each.unlink()
    return found


def main() -> int:
    """Compare two checkouts."""
    checkouts = [Path(each).resolve() for each in sys.argv[1:3]]
    if len(checkouts) == 1:
        checkouts.append(HERE)
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder))
        old, new = (paint(each, Path(folder)) for each in checkouts)
    different = 0
    for name, line in old.items():
        same = line == new[name]
        different += not same
        print(f"same {name}: {line}" if same else f"DIFFERENT {name}: {line}, now {new[name]}")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main())
