"""The experiments behind docs/spatial-control.md: methods, masks and seeds side by side.

    PYTHON -m tests.bench.spatial_control FOLDER [--study NAME ...] [--part 1/2]
        [--threads N] [--now]
    PYTHON -m tests.bench.spatial_control FOLDER --table

PYTHON is the environment that `install.py test` has made. Each painting goes into FOLDER as a PNG
with its figures beside it as JSON; what is there already is not painted again, so the studies can
be interrupted, and shared between processes by --part. --table prints the tables in Markdown:
medians over the pictures, and in brackets the smallest and the largest value.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.job import Job, Region
from engine.metrics.borders import (
    evenness,
    fringe,
    leak,
    reach,
    seam,
    signed_distance,
)
from engine.metrics.region_style_loss import region_style_loss
from engine.network import Network
from engine.paths import model_file
from engine.pictures.picture import Picture, read_picture, write_picture
from engine.run import Result, stylize
from engine.sizes import interleaved, planar, resized, working_size
from models.kernels import Kernels
from models.weights import Weights
from tests.bench.experiment_scenes import (
    HELD_OUT_ONE,
    HELD_OUT_SLOPES,
    HELD_OUT_TWO,
    ONE_STYLE,
    SLOPES,
    THIN,
    TWO_STYLES,
    Scene,
    alone,
    feathered,
    mask_of,
    ramps,
)
from tests.bench.routed import ROUTED

AREA = 30_000
ITERATIONS = 60
BORDER = 14
"""Pixels on either side of a border between two styles, whose own style loss is measured."""

BEFORE: dict[str, Any] = {"init": "content", "statistics": "gram", "grain": 0.0}
"""The default look of the page's tables."""

METHODS: dict[str, dict[str, Any]] = {
    "gradient": {"method": "gradient"},
    "stitch": {"method": "stitch"},
    "joint": {"method": "joint"},
    "joint, inside": {"method": "joint", "propagation": "inside"},
    "joint, inside, grown 3": {"method": "joint", "propagation": "inside", "grow": 3},
    "joint, resize": {"method": "joint", "propagation": "resize"},
    "pinned": {"method": "pinned"},
    "cutout, receptive": {"method": "cutout", "propagation": "receptive"},
    "cutout": {"method": "cutout"},
}
POLISH_STEPS = 20
OTHERS: dict[str, dict[str, Any]] = {
    "stitch, then joint": {"method": "stitch", "polish": True},
    "routed": {"method": "gradient", "routed": True},
    **{f"cutout, held {k:g} times": {"method": "cutout", "outside": k} for k in (3.0, 30.0)},
}
"""Ways that were weighed and not taken; "one" and "two" have what to compare them with."""

SOFT: dict[str, dict[str, Any]] = {
    "joint, T": {"method": "joint"},
    "joint, T squared": {"method": "joint", "propagation": "squared"},
    **{f"banded, {bands}": {"method": "banded", "bands": bands} for bands in (3, 5, 7)},
}


def some(methods: dict[str, dict[str, Any]], *names: str) -> dict[str, dict[str, Any]]:
    """Return some of the methods."""
    return {name: methods[name] for name in names}


Settings = dict[str, Any]
FEW = ("gradient", "stitch", "joint", "cutout, receptive", "cutout")
SEEDS: list[Settings] = [{"init": "noise", "seed": seed} for seed in (1, 2)]
LARGE: list[Settings] = [{"size": 4 * AREA}]
T_AND_BANDED = some(SOFT, "joint, T", "banded, 3")
EITHER = {**some(METHODS, "cutout"), **some(SOFT, "banded, 3")}
"""The methods from which `auto` chooses where the masks cover everything."""

STUDIES: dict[str, tuple[tuple[Scene, ...], dict[str, Settings], list[Settings]]] = {
    "one": (ONE_STYLE, METHODS, [{}]),
    "two": (TWO_STYLES, some(METHODS, *FEW), [{}]),
    "alone": (alone(TWO_STYLES), some(METHODS, "cutout"), [{}]),
    "others, one": (ONE_STYLE, OTHERS, [{}]),
    "others, two": (TWO_STYLES, some(OTHERS, "stitch, then joint", "routed"), [{}]),
    "thin": (THIN, some(METHODS, "stitch", "joint", "pinned", "cutout"), [{}]),
    "feathered": (
        feathered(ONE_STYLE[1:2], 1, 3),
        {**some(METHODS, "joint", "cutout"), **some(SOFT, "banded, 3")},
        [{}],
    ),
    "soft, wide": (ramps(SLOPES, 0.5), SOFT, [{}]),
    "soft, narrow": (ramps(SLOPES, 0.2), T_AND_BANDED, [{}]),
    "seeds": (ONE_STYLE[:1], some(METHODS, "stitch", "joint", "cutout"), SEEDS),
    "soft, seeds": (ramps(SLOPES[:1], 0.5), T_AND_BANDED, SEEDS),
    "soft, large": (ramps(SLOPES[:1], 0.5), T_AND_BANDED, LARGE),
    "held out, one": (
        HELD_OUT_ONE,
        some(METHODS, "gradient", "stitch", "joint", "pinned", "cutout"),
        [{}],
    ),
    "held out, two": (HELD_OUT_TWO, some(METHODS, *FEW), [{}]),
    "held out, alone": (alone(HELD_OUT_TWO), some(METHODS, "cutout"), [{}]),
    "held out, wide": (
        ramps(HELD_OUT_SLOPES, 0.5),
        some(SOFT, "joint, T", "joint, T squared", "banded, 3", "banded, 5"),
        [{}],
    ),
    "held out, narrow": (ramps(HELD_OUT_SLOPES, 0.2), T_AND_BANDED, [{}]),
    "held out, feathered": (feathered(HELD_OUT_TWO, 10), T_AND_BANDED, [{}]),
    "held out, soft, seeds": (ramps(HELD_OUT_SLOPES[1:3], 0.5), T_AND_BANDED, SEEDS),
    "held out, soft, large": (ramps(HELD_OUT_SLOPES[:3], 0.5), T_AND_BANDED, LARGE),
    "held out, one, large": (
        HELD_OUT_ONE[:4],
        some(METHODS, "stitch", "joint", "cutout"),
        LARGE,
    ),
    **{
        f"held out, ramp {width:g}": (ramps(HELD_OUT_SLOPES[::2], width), EITHER, [{}])
        for width in (0.02, 0.04, 0.08, 0.16)
    },
}


class Study:
    """One scene by one method with one seed.

    Parameters
    ----------
    folder : Path
    name : str
        The study's.
    scene : Scene
    method : str
    options : dict
        The job's settings.
    """

    def __init__(
        self, folder: Path, name: str, scene: Scene, method: str, options: dict[str, Any]
    ) -> None:
        self.name, self.scene, self.method = name, scene, method
        self.options = {"size": AREA, "iterations": ITERATIONS, **BEFORE, **options}
        seed = f", seed {options['seed']}" if "seed" in options else ""
        title = f"{name}, {scene.name}, {method}{seed}"
        stem = "".join(letter if letter.isalnum() else "-" for letter in title)
        self.picture, self.figures = folder / f"{stem}.png", folder / f"{stem}.json"

    def run(self, network: Network, threads: int) -> None:
        """Paint and measure, unless that was done before."""
        if self.figures.exists():
            return
        full = planar(read_picture(self.scene.content).rgb)
        size = working_size(full.shape[1], full.shape[2], self.options["size"])
        content = np.round(resized(full, size))
        mask = mask_of(self.scene, size)
        stem = self.picture.with_suffix("")
        files = [f"{stem}.content.png", f"{stem}.mask.png", f"{stem}.outside.png"]
        write_picture(files[0], Picture(interleaved(content), None), None)
        for file, values in zip(files[1:], (mask, 1 - mask)):
            Image.fromarray(np.round(values * 65535).astype(np.uint16)).save(file)
        regions = [Region(style=str(self.scene.styles[0]), mask=files[1])]
        if len(self.scene.styles) > 1:
            regions.append(Region(style=str(self.scene.styles[1]), mask="rest"))
        job = Job(content=files[0], output="-", regions=tuple(regions), threads=threads)
        result = self.paint(job, files[2])
        painted = np.round(planar(result.picture.rgb))
        write_picture(self.picture, Picture(interleaved(painted), None), None)
        figures = self.measure(network, content, painted, mask)
        figures.update(seconds=result.seconds, evaluations=result.evaluations)
        about = {"study": self.name, "scene": self.scene.name, "method": self.method}
        text = json.dumps({**about, "options": self.options, "figures": figures}, indent=1)
        self.figures.write_text(text, encoding="utf-8")
        for file in files:
            Path(file).unlink()

    def paint(self, job: Job, outside: str) -> Result:
        """Paint by the method, and by what else belongs to it; `outside` is a mask."""
        options = dict(self.options)
        polish, routed = options.pop("polish", False), options.pop("routed", False)
        if "outside" in options:
            options.update(protect=outside, protect_strength=options.pop("outside"))
        job = replace(job, **options)
        method = ROUTED if routed else None
        result = stylize(job, lambda event: None, threading.Event(), method=method)
        if not polish:
            return result
        # One region's borders are polished by cutout, which is joint with the rest put back.
        write_picture(self.picture, result.picture, None)
        start: dict[str, Any] = {"init": "picture", "init_picture": str(self.picture)}
        job = replace(job, method="cutout", iterations=POLISH_STEPS, scales=1, **start)
        return stylize(job, lambda event: None, threading.Event())

    def measure(
        self, network: Network, content: np.ndarray, painted: np.ndarray, mask: np.ndarray
    ) -> dict[str, float]:
        """Return the figures by name."""
        styles = [planar(read_picture(style).rgb) for style in self.scene.styles]
        sides = [mask, 1 - mask]
        figures = {"change": float(np.abs(painted - content).mean())}
        for number, (style, side) in enumerate(zip(styles, sides), 1):
            value = region_style_loss(network, painted, style, side).value
            figures[f"region style loss {number}"] = value
        if self.scene.ramp:
            figures["evenness"] = evenness(painted, mask)
            figures["evenness of the content"] = evenness(content, mask)
        figures["seam"] = seam(painted, mask)
        figures["seam of the content"] = seam(content, mask)
        figures["fringe"] = fringe(painted, mask)
        figures["fringe of the content"] = fringe(content, mask)
        distance = signed_distance(mask)
        if len(styles) == 1:
            names = ("leak 0-8", "leak 8-32", "leak over 32")
            figures.update(zip(names, leak(painted, content, mask)))
            figures["reach"] = reach(painted, content, mask)
            return figures
        for number, (style, sign) in enumerate(zip(styles, (1, -1)), 1):
            band = (distance * sign > 0) & (distance * sign < BORDER)
            value = region_style_loss(network, painted, style, band.astype(np.float32)).value
            figures[f"border style loss {number}"] = value
        return figures


def studies(folder: Path, names: list[str]) -> list[Study]:
    """Return all that the named studies paint."""
    return [
        Study(folder, name, scene, method, {**options, **more})
        for name in names
        for scene in STUDIES[name][0]
        for more in STUDIES[name][2]
        for method, options in STUDIES[name][1].items()
    ]


def table(found: list[dict[str, Any]]) -> list[str]:
    """Return one study's figures by method: median, smallest and largest over its scenes."""
    methods = list(dict.fromkeys(each["method"] for each in found))
    names = list(dict.fromkeys(name for each in found for name in each["figures"]))
    lines = [f"| method | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for method in methods:
        cells = []
        for name in names:
            values = [each["figures"].get(name) for each in found if each["method"] == method]
            numbers = [v for v in values if v is not None and math.isfinite(v)]
            cells.append(_cell(numbers))
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def _cell(numbers: list[float]) -> str:
    if not numbers:
        return "-"
    middle = statistics.median(numbers)
    return f"{middle:.3g} ({min(numbers):.3g}-{max(numbers):.3g})"


def main() -> None:
    """Run or tabulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--part", default="1/1", help="this process's share, such as 1/2")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--now", action="store_true", help="paint with today's default look")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.now:
        BEFORE.clear()
    wanted = studies(options.folder, options.study)
    if options.table:
        for name in options.study:
            files = [each.figures for each in wanted if each.name == name]
            found = [json.loads(each.read_text("utf-8")) for each in files if each.exists()]
            print(f"\n{name}: {len(found)} of {len(files)}\n")
            print("\n".join(table(found)))
        return
    part, parts = map(int, options.part.split("/"))
    network = Network(Kernels(Weights(model_file())), threads=options.threads)
    for number, each in enumerate(wanted):
        if number % parts == part - 1:
            each.run(network, options.threads)
            print(each.figures.stem, flush=True)


if __name__ == "__main__":
    main()
