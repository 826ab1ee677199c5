"""`scumble measure` as a process, on files whose figures are known."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.metrics.borders import evenness, fringe, leak, reach, seam
from engine.metrics.color_distance import color_distance
from engine.metrics.content_structure import content_structure
from engine.metrics.detail import detail
from engine.metrics.frame import frame
from engine.metrics.grid import grid
from engine.metrics.region_style_loss import region_style_loss
from engine.metrics.style_distance import style_distance
from engine.network import Network
from engine.pictures.picture import Picture, read_mask, read_picture, write_picture
from engine.sizes import planar
from tests.engine.programs import check_sentence, noise, scumble

HEIGHT, WIDTH, BORDER = 80, 120, 50
BASE = ("measure", "content.png", "result.png")
SOFT_NAMES = {"evenness", "evenness_of_content"}
HARD_NAMES = {"leak_0_8", "leak_8_32", "leak_over_32", "reach", "seam", "seam_of_content", "fringe"}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Put a content, a result with a leak of 3 and a change of 20 inside, and masks there."""
    x = np.arange(WIDTH)
    content = noise(1, HEIGHT, WIDTH) // 4 + (x // 2 + 60).astype(np.uint8)[None, :, None]
    inside = (x >= BORDER).astype(np.uint8)
    result = content + np.where(inside, 20, 3).astype(np.uint8)[None, :, None]
    rows = np.ones((HEIGHT, 1), np.uint8)
    write(tmp_path / "content.png", content)
    write(tmp_path / "result.png", result)
    write(tmp_path / "style.png", noise(3, 50, 70))
    write(tmp_path / "small.png", noise(3, 40, 40))
    for name, values in (
        ("hard", 255 * inside),
        ("ramp", np.linspace(0, 255, WIDTH).astype(np.uint8)),
        ("thin", 255 * ((x >= BORDER) & (x < BORDER + 4)).astype(np.uint8)),
        ("white", np.full(WIDTH, 255, np.uint8)),
        ("black", np.zeros(WIDTH, np.uint8)),
        ("gray", np.full(WIDTH, 77, np.uint8)),
    ):
        Image.fromarray(rows * values).save(tmp_path / f"{name}.png")
    return tmp_path


def write(path: Path, values: np.ndarray) -> None:
    write_picture(path, Picture(values.astype(np.float32)))


def read(folder: Path, name: str) -> np.ndarray:
    return planar(read_picture(folder / name).rgb)


def lines_of(text: str) -> dict[str, list[str]]:
    """Return the table's lines by their label: value and best."""
    rows = [re.split(" {2,}", line) for line in text.splitlines() if "  " in line]
    return {label: figures for label, *figures, _ in rows[1:]}


def test_a_hard_mask_is_measured_and_printed_as_a_table(pictures):
    done = scumble(*BASE, "--mask", "hard.png", home=pictures / "none", folder=pictures)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, head, *table = done.stdout.splitlines()
    assert "measured as hard: 0.0% of it lies between 0.05 and 0.95" in first
    assert re.split(" {2,}", head) == ["metric", "value", "best", "what it measures"]
    words = {line.rindex("  ") for line in (head, *table)}
    assert len(words) == 1  # aligned
    found = lines_of(done.stdout)
    for band in ("0 to 8", "8 to 32", "over 32"):
        assert found[f"leak, {band} px"] == ["3", "0"]
    assert found["reach"] == ["1", "1"]
    mask = read_mask(pictures / "hard.png")
    for label, name, best in (("seam", "result", ["1"]), ("seam of the content", "content", [])):
        value = seam(read(pictures, f"{name}.png"), mask)
        assert found[label] == [f"{value:.4g}", *best]
    assert set(found) == {*(f"leak, {band} px" for band in ("0 to 8", "8 to 32", "over 32")),
                          "reach", "seam", "seam of the content", "fringe"}  # fmt: skip


def test_json_has_the_library_s_figures(pictures):
    done = scumble(*BASE, "--mask", "hard.png", "--json", home=pictures / "none", folder=pictures)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found.pop("mask") == "hard"
    assert found.pop("soft_share") == 0
    assert found.pop("notes") == []
    content, result = read(pictures, "content.png"), read(pictures, "result.png")
    mask = read_mask(pictures / "hard.png")
    assert set(found) == HARD_NAMES
    leaks = [found["leak_0_8"], found["leak_8_32"], found["leak_over_32"]]
    assert leaks == pytest.approx(leak(result, content, mask))
    assert found["reach"] == pytest.approx(reach(result, content, mask))
    assert found["seam"] == pytest.approx(seam(result, mask))
    assert found["fringe"] == pytest.approx(fringe(result, mask))
    assert found["seam_of_content"] == pytest.approx(seam(content, mask))


def test_the_content_itself_is_perfect_but_for_its_reach(pictures):
    done = scumble("measure", "content.png", "content.png", "--mask", "hard.png",
                   home=pictures / "none", folder=pictures)  # fmt: skip
    assert done.returncode == 0
    found = lines_of(done.stdout)
    assert found["leak, 0 to 8 px"] == found["leak, over 32 px"] == ["0", "0"]
    assert found["reach"] == ["none", "1"]
    assert found["seam"][0] == found["seam of the content"][0]
    check_sentence(done.stderr, "Note: reach", "nothing has changed")


def test_a_soft_mask_of_another_size(pictures):
    Image.open(pictures / "ramp.png").resize((60, 40)).save(pictures / "ramp.png")
    done = scumble(*BASE, "--mask", "ramp.png", "--json", home=pictures / "none", folder=pictures)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["mask"] == "soft"
    assert found["soft_share"] == pytest.approx(0.9, abs=0.03)
    assert set(found) == {"mask", "soft_share", "notes", *SOFT_NAMES}
    ramp = np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1))
    expected = evenness(read(pictures, "result.png"), ramp)
    assert found["evenness"] == pytest.approx(expected, rel=0.1)
    text = scumble(*BASE, "--mask", "ramp.png", home=pictures / "none", folder=pictures).stdout
    assert "measured as soft" in text
    assert lines_of(text)["evenness"] == [f"{found['evenness']:.4g}", "1"]


NEUTRAL_NAMES = {"style_distance", "content_structure", "color_distance", "detail_1", "detail_2",
                 "detail_3", "grid", "grid_2", "grid_4", "grid_8", "grid_16", "frame"}  # fmt: skip


def test_a_style_adds_the_figures_that_need_the_network(pictures, model_home, kernels):
    done = scumble(*BASE, "--mask", "hard.png", "--style", "style.png", "--json",
                   home=model_home, folder=pictures)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = {"mask", "soft_share", "notes", *HARD_NAMES, *NEUTRAL_NAMES, "region_style_loss"}
    assert set(found) == expected
    network = Network(kernels, threads=1)
    mask = read_mask(pictures / "hard.png")
    content, result, style = (
        read(pictures, f"{name}.png") for name in ("content", "result", "style")
    )
    value, left_out = region_style_loss(network, result, style, mask)
    assert math.isfinite(value)
    assert found["region_style_loss"] == pytest.approx(value, rel=1e-3)
    # The region is narrower than what a position of conv5_1 sees, and this is said.
    assert left_out == ("conv5_1",)
    grid_note, loss_note = found["notes"]
    assert "grid, 8, 16 px: " in grid_note
    assert "conv5_1" in loss_note
    check_neutral(found, kernels, content, result, style, mask)


def check_neutral(found, kernels, content, result, style, mask) -> None:
    """Check that the figures are the library's."""
    network = Network(kernels, pooling="max", threads=1)
    texture = style_distance(network, result, style, mask).value
    assert found["style_distance"] == pytest.approx(texture, rel=1e-3)
    shapes = content_structure(network, result, content, mask)
    assert found["content_structure"] == pytest.approx(shapes, rel=1e-3)
    assert found["color_distance"] == pytest.approx(color_distance(result, style, mask))
    octaves = [found[f"detail_{n}"] for n in (1, 2, 3)]
    assert octaves == pytest.approx(detail(result, style, mask))
    grids = grid(result, style, mask)
    periods = [found[f"grid_{n}"] for n in (2, 4, 8, 16)]
    assert periods == [pytest.approx(each) if math.isfinite(each) else None for each in grids]
    known = [each for each in grids if math.isfinite(each)]
    assert found["grid"] == pytest.approx(np.mean(known))
    assert found["frame"] == pytest.approx(frame(result, mask) - frame(content, mask))


def test_a_style_alone_is_measured_on_the_whole_picture(pictures, model_home, kernels):
    arguments = (*BASE, "--style", "style.png")
    done = scumble(*arguments, "--json", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"notes", *NEUTRAL_NAMES}
    content, result, style = (
        read(pictures, f"{name}.png") for name in ("content", "result", "style")
    )
    check_neutral(found, kernels, content, result, style, None)
    text = scumble(*arguments, home=model_home, folder=pictures).stdout
    assert lines_of(text)["style distance"] == [f"{found['style_distance']:.4g}", "0"]
    assert "shapes: how much of the content's is lost" in text


def test_the_style_itself_is_perfect_but_for_the_content(pictures, model_home):
    for name in ("content", "result"):
        write(pictures / f"{name}.png", noise(3 if name == "result" else 5, 128, 128))
    done = scumble(*BASE, "--style", "result.png", home=model_home, folder=pictures)
    assert done.returncode == 0, done.stderr
    found = lines_of(done.stdout)
    for label in ("style distance", "color distance", "grid"):
        assert found[label] == ["0", "0"]
    assert [found[f"detail, {each} px"] for each in ("2 to 4", "4 to 8", "8 to 16")] == [
        ["1"] * 2
    ] * 3
    assert float(found["content structure"][0]) > 0.1


def test_a_large_picture_s_style_loss_is_taken_at_the_working_size(pictures, model_home, kernels):
    for name in ("content", "result"):
        path = pictures / f"{name}.png"
        Image.open(path).resize((WIDTH * 21 // 4, HEIGHT * 21 // 4)).save(path)
    done = scumble(*BASE, "--mask", "ramp.png", "--style", "style.png",
                   home=model_home, folder=pictures)  # fmt: skip
    assert done.returncode == 0, done.stderr
    check_sentence(done.stderr, "Note: region style loss: measured at 612 x 408 pixels")
    value, best = lines_of(done.stdout)["region style loss"]
    assert float(value) > 0
    assert best == "0"


def test_what_there_is_nothing_to_measure_on_is_said(pictures):
    done = scumble(*BASE, "--mask", "thin.png", "--json", home=pictures / "none", folder=pictures)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["reach"] is None
    assert found["leak_over_32"] > 0
    reach_note, fringe_note, seam_note = found["notes"]
    assert "nowhere deeper than 32 pixels" in reach_note
    assert "3 pixels" in fringe_note
    assert "inside" in seam_note
    done = scumble(*BASE, "--mask", "gray.png", "--json", home=pictures / "none", folder=pictures)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["evenness"] is None
    assert all("evenness" in note for note in found["notes"])


def test_transparency_is_measured_through_and_this_is_said(pictures):
    image = Image.open(pictures / "content.png").convert("RGBA")
    image.putalpha(Image.open(pictures / "ramp.png"))
    image.save(pictures / "content.png")
    done = scumble(*BASE, "--mask", "hard.png", home=pictures / "none", folder=pictures)
    assert done.returncode == 0
    check_sentence(done.stderr, "Note: content.png is partly transparent")
    assert lines_of(done.stdout)["leak, over 32 px"] == ["3", "0"]


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        ((*BASE,), 2, ["--mask and --style are missing"]),
        (("measure", "content.png", "--mask", "hard.png"), 2, ["RESULT"]),
        ((*BASE, "--mask", "none.png"), 1, ["no file none.png"]),
        (("measure", "none.png", "result.png", "--mask", "hard.png"), 1, ["no file none.png"]),
        ((*BASE, "--mask", "hard.png", "--style", "none.png"), 1, ["no file none.png"]),
        ((*BASE, "--mask", "text.png"), 1, ["text.png", "picture"]),
        (
            ("measure", "content.png", "small.png", "--mask", "hard.png"),
            1,
            ["small.png is 40x40 pixels", "content.png 120x80", "size"],
        ),
        ((*BASE, "--mask", "white.png"), 1, ["white.png", "9600 of 9600 pixels", "no border"]),
        ((*BASE, "--mask", "black.png"), 1, ["black.png", "0 of 9600 pixels", "no border"]),
        ((*BASE, "--mask", "hard.png", "--style", "style.png"), 1, ["weights", "install.py"]),
    ],
)
def test_what_cannot_be_measured(pictures, arguments, status, words):
    (pictures / "text.png").write_text("hello")
    done = scumble(*arguments, home=pictures / "nowhere", folder=pictures)
    assert done.returncode == status
    assert done.stdout == ""
    check_sentence(done.stderr, "scumble measure: ", *words)


def test_the_table_follows_the_language_and_json_does_not(pictures, capsys):
    from engine import translations
    from engine.cli.measure import measure

    files = pictures / "content.png", pictures / "content.png", pictures / "hard.png"
    translations.use(["de"])
    try:
        measure(*files)
        table = capsys.readouterr()
        measure(*files, as_json=True)
        assert translations.language() == "de"
    finally:
        translations.use([])
    assert re.search(r"^Maß +Wert  ideal  was es misst$", table.out, re.MULTILINE)
    assert "Hinweis: Reichweite: " in table.err
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert note.startswith("reach: deeper than ")
