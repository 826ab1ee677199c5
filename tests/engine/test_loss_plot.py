"""Loss curves: what is drawn, and what is said where matplotlib is not there."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import PictureError
from engine.loss.terms import CONTENT, SMOOTHING, Part
from engine.loss_curve import LossCurve
from engine.loss_plot import DPI, HEIGHT, WIDTH, in_font, loss_curves, parts_of
from tests.engine.programs import UNSEEN_PACKAGES, check_sentence, make_pictures, scumble

BLUE, VERMILION, GREEN, SKY = "#0072B2", "#D55E00", "#009E73", "#56B4E9"

WITHOUT_MATPLOTLIB = """
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, found, path, target=None):
        if found.split(".")[0] == "matplotlib":
            raise ERROR
sys.meta_path.insert(0, Missing())
"""
NOT_THERE = 'ModuleNotFoundError("No module named matplotlib", name="matplotlib")'


def curve(evaluations: int, scale: int = 1, region: int | None = None, **more: float) -> LossCurve:
    def parts(number: int) -> dict[str, float]:
        falling = {name: value * math.exp(-number / 5) for name, value in more.items()}
        return {"content": 0.0 if number == 0 else 1e4, **falling}

    named = [
        {Part.parse(name.replace("_", " ")): value for name, value in parts(number).items()}
        for number in range(evaluations)
    ]
    return LossCurve(scale, region, (30 * scale, 40 * scale), tuple(named))


def colors(file: Path) -> set[str]:
    values = np.asarray(Image.open(file).convert("RGB")).astype(int)
    return {f"#{each:06X}" for each in np.unique(values @ (1 << 16, 1 << 8, 1))}


def size(file: Path) -> tuple[int, int]:
    with Image.open(file) as image:
        assert image.format == "PNG"
        return image.size


def test_every_part_has_a_line_of_its_own(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{n}.png" for n in (1, 2, 3))
    loss_curves(one, [curve(20, style_0=1e6)], ["sky"])
    loss_curves(two, [curve(20, style_0=1e6, style_1=1e5)], ["sky", "water"])
    loss_curves(three, [curve(20, style_0=1e6, style_1=1e5, smoothing=100.0)], ["sky", "water"])
    for file, present in ((one, 2), (two, 3), (three, 4)):
        wanted = (BLUE, VERMILION, GREEN, SKY)
        assert colors(file) & set(wanted) == set(wanted[:present])
        assert size(file) == (round(WIDTH * DPI), round(HEIGHT * DPI))


def test_a_line_is_where_its_values_are(tmp_path: Path) -> None:
    """A loss that falls by a factor is a straight line, and 100 lies halfway from 1 to 10,000."""
    file = tmp_path / "curves.png"
    steady = {CONTENT: 1.0, SMOOTHING: 100.0}
    falling = tuple({Part("style", 0): 10.0 ** (4 - n / 25), **steady} for n in range(101))
    loss_curves(file, [LossCurve(1, None, (30, 40), falling)], ["sky"])
    values = np.asarray(Image.open(file).convert("RGB"))

    def line(color: str) -> tuple[np.ndarray, np.ndarray]:
        wanted = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        rows, columns = np.nonzero((values == wanted).all(axis=2))
        axes = columns < 0.7 * values.shape[1]  # beyond is the legend
        return rows[axes], columns[axes]

    rows, columns = line(VERMILION)
    assert np.corrcoef(rows, columns)[0, 1] > 0.999
    lowest, middle = line(BLUE)[0], line(SKY)[0]
    for each in (lowest, middle):
        assert each.max() - each.min() < 5
    assert abs(np.median(middle) - (rows.min() + np.median(lowest)) / 2) < 3


def test_each_picture_of_a_stitched_run_has_a_panel(tmp_path: Path) -> None:
    file = tmp_path / "curves.png"
    curves = [
        LossCurve(scale, region, (30 * scale, 40 * scale), ({Part("style", region): 1e5},) * 5)
        for scale in (1, 2)
        for region in (0, 1)
    ]
    loss_curves(file, curves, ["sky", "water"], "both")
    assert size(file) == (round(WIDTH * DPI), round(2 * HEIGHT * DPI))
    middle = size(file)[1] // 2
    whole = Image.open(file).convert("RGB")
    for half, own, other in ((0, VERMILION, GREEN), (middle, GREEN, VERMILION)):
        part = tmp_path / "half.png"
        whole.crop((0, half, whole.width, half + middle)).save(part)
        assert own in colors(part)
        assert other not in colors(part)


@pytest.mark.parametrize(
    "history",
    [
        (),
        ({CONTENT: 0.0},),
        ({CONTENT: 0.0, Part("style", 0): 5.0},),
        ({CONTENT: 1.0}, {CONTENT: 1e300}),
        ({CONTENT: 5.0, Part("something else"): 2.0}, {CONTENT: 4.0}),
    ],
)
def test_odd_losses_are_drawn_too(tmp_path: Path, history: tuple) -> None:
    loss_curves(tmp_path / "curves.png", [LossCurve(1, None, (30, 40), history)], ["sky"])
    assert size(tmp_path / "curves.png") == (round(WIDTH * DPI), round(HEIGHT * DPI))


def test_names_are_no_formulas_and_need_no_other_font(tmp_path: Path) -> None:
    names = ["$\\frac{1$ and _x^{", "空の色 \U0001f3a8", "", "x" * 200, "<b>&\udce9"]
    parts = {Part("style", n): 1e4 for n in range(len(names))}
    curves = [LossCurve(1, None, (30, 40), (parts, parts))]
    loss_curves(tmp_path / "curves.png", curves, names, "$x$ 空")
    assert in_font("Gogh: é $5 空") == "Gogh: é $5 ?"


def test_the_order_and_the_labels_of_the_parts() -> None:
    curves = [curve(2, style_10=1.0, style_2=1.0, smoothing=1.0, style_0=1.0)]
    parts = ["content", "style 0", "style 2", "style 10", "smoothing"]
    assert [str(part) for part in parts_of(curves)] == parts
    assert [Part.parse(part) for part in parts] == parts_of(curves)
    labels = [Part.parse(each).label(["sky", "water"]) for each in ("content", "style 1")]
    assert labels == ["content", "style water"]


def test_a_users_own_settings_change_nothing(tmp_path: Path) -> None:
    """Nor does where it is run; it draws the same bytes in another process."""
    code = """
import sys
from engine.loss_plot import loss_curves
from engine.loss.terms import CONTENT
from engine.loss_curve import LossCurve
loss_curves(sys.argv[2], [LossCurve(1, None, (30, 40), ({CONTENT: 2.0}, {CONTENT: 1.0}))], ["a"])
sys.exit()
"""
    files = []
    for name, settings in (("plain", ""), ("own", "axes.facecolor: red\nfont.size: 30\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "matplotlibrc").write_text(settings)
        done = scumble(
            "",
            folder / "curves.png",
            home=tmp_path / "home",
            folder=folder,
            before=code,
            fresh=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        files.append((folder / "curves.png").read_bytes())
        assert sorted(each.name for each in folder.iterdir()) == ["curves.png", "matplotlibrc"]
    assert files[0] == files[1]
    # Its list of fonts is where an installation and its removal clear it away.
    assert [each.name for each in (tmp_path / "home").iterdir()] == ["cache"]


def test_a_disk_that_is_full_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"curves\.png cannot be written") as caught:
        loss_curves(tmp_path / "nowhere" / "curves.png", [curve(2)], ["a"])
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    "error, words",
    [(NOT_THERE, "is not installed"), ('ImportError("a torn library")', "(a torn library)")],
)
def test_without_matplotlib_nothing_is_painted(tmp_path: Path, error: str, words: str) -> None:
    folder = make_pictures(tmp_path)
    there = sorted(folder.iterdir())
    done = scumble("stylize", "content.png", "out.png", "--style", "waves.png", "--report",
                   "report", home=tmp_path / "home", folder=folder, fresh=True,
                   before=WITHOUT_MATPLOTLIB.replace("ERROR", error))  # fmt: skip
    assert done.returncode == 2
    check_sentence(done.stderr, "matplotlib", words, "python3 install.py --plots")
    assert sorted(folder.iterdir()) == there


@pytest.mark.parametrize("broken", [False, True])
def test_the_doctor_looks_for_it(model_home: Path, tmp_path: Path, broken: bool) -> None:
    if broken:
        before = WITHOUT_MATPLOTLIB.replace("ERROR", 'ImportError("a torn library")')
    else:
        before = """
from importlib import metadata
version = metadata.version
def without(name):
    if name == "matplotlib":
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = without
"""
    before += UNSEEN_PACKAGES
    done = scumble("doctor", home=model_home, folder=tmp_path, before=before, fresh=broken)
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("matplotlib")]
    problems = [each for each in done.stdout.splitlines() if each.startswith("Broken: ")]
    if broken:
        assert done.returncode == 1
        assert len(problems) == 1
        assert "install.py --plots" in problems[0]
    else:  # it need not be there
        assert done.returncode == 0
        assert problems == []
        assert "install.py --plots" in line
