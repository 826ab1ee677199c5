"""The experiments behind docs/look.md: candidates for the default look, side by side.

    PYTHON -m tests.bench.look_study FOLDER --pairs development|held-out --area PIXELS \
        --candidate NAME ... [--only N ...] [--seed N ...]
    PYTHON -m tests.bench.look_study FOLDER --table NAME [--pairs ...] [--area ...]

PYTHON is the environment that `install.py test` has made. Each painting goes into FOLDER as a PNG
with its figures beside it as JSON; what is there already is not painted again. --table prints the
candidates' figures: medians over the pairs, of the ratio to those of the candidate named.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from engine.job import Job, Region
from engine.metrics.metric_table import neutral_metrics
from engine.network import Network
from engine.paths import model_file
from engine.pictures.picture import Picture, read_mask, read_picture, write_picture
from engine.run import stylize
from engine.sizes import interleaved, planar, resized, resized_mask, style_size, working_size
from models.kernels import Kernels
from models.weights import Weights
from tests.bench.look_candidates import CANDIDATES, REFLECTED, trying
from tests.bench.look_scenes import DEVELOPMENT, HELD_OUT, Pair

PAIRS = {"development": DEVELOPMENT, "held-out": HELD_OUT}


def mask_of(pair: Pair, size: tuple[int, int]) -> np.ndarray | None:
    """Return where the first style goes, from 0 to 1; None for everywhere."""
    height, width = size
    if pair.mask is None:
        return None
    if isinstance(pair.mask, float):
        ramp = ((np.arange(width) + 0.5) / width - 0.5) / pair.mask + 0.5
        return np.tile(np.clip(1 - ramp, 0, 1).astype(np.float32), (height, 1))
    mask = resized_mask(read_mask(pair.mask), size)
    return np.clip(ndimage.gaussian_filter(mask, pair.feather * width), 0, 1)


def style_of(pair: Pair, index: int) -> np.ndarray:
    """Return a style picture at its own pixels, shape (3, height, width)."""
    style = planar(read_picture(pair.styles[index]).rgb)
    if pair.cut:
        left, top, right, bottom = pair.cut
        style = np.ascontiguousarray(style[:, top:bottom, left:right])
    return style


def save(file: Path, picture: np.ndarray) -> str:
    """Write a picture and return its path."""
    write_picture(str(file), Picture(interleaved(np.round(picture)), None), None)
    return str(file)


def paint(
    folder: Path, pair: Pair, area: int, name: str, seed: int, network: Network, common: dict
) -> None:
    """Paint and measure a pair, unless that was done before."""
    title = f"{pair.name}, {area}, {name}, {seed}"
    stem = folder / "".join(letter if letter.isalnum() else "-" for letter in title)
    figures_file = stem.with_suffix(".json")
    if figures_file.exists():
        return
    full = planar(read_picture(pair.content).rgb)
    content = np.round(resized(full, working_size(full.shape[1], full.shape[2], area)))
    styles = [style_of(pair, index) for index in range(len(pair.styles))]
    # Continued by reflection beyond its edge, and cropped after it was painted.
    margin = REFLECTED.get(name, 0)
    wide = np.pad(content, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    files = [Path(f"{stem}.content.png"), *(Path(f"{stem}.{n}.png") for n in range(len(styles)))]
    for file, picture in zip(files, (wide, *styles)):
        save(file, picture)
    mask_size = content.shape[1:]
    mask = mask_of(pair, mask_size)
    regions = [Region(style=str(files[1]))]
    sides = [mask]
    if mask is not None:
        files.append(Path(f"{stem}.mask.png"))
        painted_mask = np.pad(mask, margin, mode="reflect")
        Image.fromarray(np.round(painted_mask * 65535).astype(np.uint16)).save(files[-1])
        regions[0] = replace(regions[0], mask=str(files[-1]))
        if len(styles) > 1:
            regions.append(Region(style=str(files[2]), mask="rest"))
            sides.append(1 - mask)
    job = Job(
        content=str(files[0]), output="-", regions=tuple(regions), threads=1, size=0, seed=seed
    )
    began = resource.getrusage(resource.RUSAGE_SELF)
    with trying(name) as settings:
        job = replace(job, **{**common, **settings})
        result = stylize(job, lambda event: None, threading.Event(), previews=False)
    ended = resource.getrusage(resource.RUSAGE_SELF)
    painted = np.round(planar(result.picture.rgb))
    painted = painted[:, margin : margin + mask_size[0], margin : margin + mask_size[1]]
    save(stem.with_suffix(".png"), painted)
    seconds = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    figures: dict[str, list[float]] = {"seconds": [seconds], "evaluations": [result.evaluations]}
    for style, side in zip(styles, sides):
        # Fine texture is compared with the style as large as it was painted from.
        seen = resized(style, style_size(style, content.shape[1] * content.shape[2], 1.0))
        for metric in neutral_metrics(network, content, painted, seen, side)[0]:
            figures.setdefault(metric.name, []).append(metric.value)
    about = {"pair": pair.name, "area": area, "candidate": name, "seed": seed}
    means = {key: float(np.mean(values)) for key, values in figures.items()}
    figures_file.write_text(json.dumps({**about, "figures": means}, indent=1), encoding="utf-8")
    for file in files:
        file.unlink()
    print(
        title, {k: round(v, 3) for k, v in means.items() if not k.startswith("grid_")}, flush=True
    )


SHOWN = (
    "style_distance", "content_structure", "color_distance", "detail_1", "detail_2", "detail_3",
    "grid", "frame", "seconds",
)  # fmt: skip


def table(found: list[dict[str, Any]], reference: str) -> list[str]:
    """Return a table in Markdown: medians over the pairs.

    Detail, frame and grid are the values themselves; all others are ratios to the reference's.
    """
    key = lambda each: (each["pair"], each["area"], each["seed"])  # noqa: E731
    base = {key(each): each["figures"] for each in found if each["candidate"] == reference}
    lines = [f"| candidate | pairs | {' | '.join(SHOWN)} |", "|---" * (len(SHOWN) + 2) + "|"]
    for name in dict.fromkeys(each["candidate"] for each in found):
        own = [each for each in found if each["candidate"] == name and key(each) in base]
        cells = []
        for figure in SHOWN:
            values = []
            for each in own:
                value = each["figures"][figure]
                if not figure.startswith(("detail", "frame", "grid")):
                    value /= base[key(each)][figure]
                values.append(value)
            values = [value for value in values if math.isfinite(value)]
            cells.append(
                f"{statistics.median(values):.3f} ({statistics.mean(values):.3f})"
                if values
                else "-"
            )
        lines.append(f"| {name} | {len(own)} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Run or tabulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", choices=PAIRS, default="development")
    parser.add_argument("--area", type=int, default=60_000)
    parser.add_argument("--candidate", nargs="+", choices=CANDIDATES, default=[])
    parser.add_argument("--only", type=int, nargs="+", help="numbers of pairs, from 0")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--scales", type=int, default=2, help="0 for automatic scales")
    parser.add_argument("--iterations", type=int, default=35)
    parser.add_argument("--table", metavar="REFERENCE")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    pairs = PAIRS[given.pairs]
    chosen = [pairs[n] for n in given.only] if given.only else pairs
    if given.table:
        names = {pair.name for pair in chosen}
        found = [json.loads(file.read_text("utf-8")) for file in given.folder.glob("*.json")]
        found = [e for e in found if e["pair"] in names and e["area"] == given.area]
        found.sort(key=lambda each: list(CANDIDATES).index(each["candidate"]))
        print("\n".join(table(found, given.table)))
        return
    network = Network(Kernels(Weights(model_file())), pooling="max", threads=1)
    common = {"scales": given.scales, "iterations": given.iterations}
    for name in given.candidate:
        for pair in chosen:
            for seed in given.seed:
                paint(given.folder, pair, given.area, name, seed, network, common)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
