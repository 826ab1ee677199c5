"""`scumble gallery`: real runs at tiny sizes, and what they leave in their folder."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from engine.gallery.figures import PICTURES, figures, with_own
from engine.gallery.gallery_page import write_page
from engine.gallery.inputs import sigmoid
from engine.html import number
from engine.job import Job
from engine.metrics.borders import evenness, leak, reach, seam
from engine.metrics.region_style_loss import region_style_loss
from engine.network import Network
from engine.pictures.picture import read_mask, read_picture, read_settings
from engine.sizes import planar
from engine.translations import LANGUAGES, in_language
from models.kernels import Kernels
from models.weights import Weights
from tests.engine.html_phrases import Phrases
from tests.engine.programs import (
    KEPT_SESSIONS,
    PATIENCE,
    PLAIN_CURVES,
    check_sentence,
    scumble,
    started,
)

TINY = ("--size", "1200", "--iterations", "2")
PICTURES_PER_FIGURE = {"4": 2, "5": 5, "6": 1, "9": 10, "10": 8}
SAME = {"fr": {"style", "Style", *(f"Figure {number}" for number in PICTURES_PER_FIGURE)}}
"""Texts that are the same in a language as in English."""

NO_MATPLOTLIB = "import sys\nsys.modules['matplotlib'] = None\n"


@pytest.fixture(scope="module")
def made(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a gallery of all figures."""
    folder = tmp_path_factory.mktemp("galleries") / "made for all" / "gallery"
    for figures_asked, count in ((("4", "6"), 3), (("5", "9", "10"), 23)):
        options = [word for number in figures_asked for word in ("--figure", number)]
        done = scumble(
            "gallery", folder, *TINY, *options, home=home, folder=folder.parents[1],
            before=KEPT_SESSIONS + ("" if "4" in figures_asked else PLAIN_CURVES),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"pictures: {count} painted, 0 kept" in done.stdout
        assert str(folder / "gallery.html") in done.stdout
        assert f"(picture {count} of {count})" in done.stderr
    return folder


def numbers_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["figures"]


def entries(folder: Path, figure: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for panel in numbers_of(folder)[figure]["panels"]:
        for entry in panel["pictures"]:
            yield panel, entry


def input_file(folder: Path, panel: dict[str, Any], what: str) -> Path:
    return folder / next(each["file"] for each in panel["inputs"] if each["what"] == what)


class Links(HTMLParser):
    """A parser that collects the references of a page, and checks that its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.ids: set[str] = set()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found |= {given[name] or "" for name in ("src", "href") if name in given}
        self.ids |= {given["id"] or ""} if "id" in given else set()
        if tag not in ("meta", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def close(self) -> None:
        super().close()
        assert self._open == []


def links(page: Path) -> Links:
    parser = Links()
    parser.feed(page.read_text(encoding="utf-8"))
    parser.close()
    return parser


def check_links(folder: Path) -> None:
    page = links(folder / "gallery.html")
    assert page.ids == {f"figure-{number}" for number in numbers_of(folder)}
    for link in page.found:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert re.match(r"[a-z0-9.-]+(/|$)", link), "not relative"
            assert (folder / unquote(link)).is_file(), link


def test_the_page_shows_every_picture_with_its_curve(made: Path) -> None:
    check_links(made)
    page = links(made / "gallery.html")
    for figure, count in PICTURES_PER_FIGURE.items():
        files = [entry["file"] for _, entry in entries(made, figure)]
        assert len(set(files)) == count
        for file in files:
            assert {file, file.replace(".png", "-loss.png")} <= page.found
    for panel, _ in entries(made, "9"):
        assert {each["file"] for each in panel["inputs"]} <= page.found


def test_every_picture_carries_the_settings_of_its_figure(made: Path) -> None:
    def jobs(figure: str) -> dict[str, dict[str, Any]]:
        files = [made / entry["file"] for _, entry in entries(made, figure)]
        return {file.stem: read_settings(file)["job"] for file in files}

    for figure in PICTURES_PER_FIGURE:
        for _, entry in entries(made, figure):
            assert entry["job"] == read_settings(made / entry["file"])["job"]
    for step, job in zip((1, 2), jobs("4").values()):
        assert (job["init"], job["iterations"]) == ("noise", step)
        assert not any(weight for _, weight in job["style_layers"])
    for layer, job in zip(("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
                          jobs("5").values()):  # fmt: skip
        assert job["style_layers"] == [[layer, 1.0]]
        assert not any(weight for _, weight in job["content_layers"])
        assert job["init"] == "noise"
    ways = {name[2:]: (job["method"], job["propagation"], job["grow"], job["bands"])
            for name, job in {**jobs("9"), **jobs("10")}.items()}  # fmt: skip
    assert ways == {
        "receptive": ("joint", "receptive", 0, 3),
        "squared": ("joint", "squared", 0, 3),
        "banded-3": ("banded", "receptive", 0, 3),
        "banded-5": ("banded", "receptive", 0, 5),
        "banded-7": ("banded", "receptive", 0, 7),
        "gradient": ("gradient", "receptive", 0, 3),
        "stitch": ("stitch", "receptive", 0, 3),
        "pinned": ("pinned", "receptive", 0, 3),
        "cutout": ("cutout", "auto", 0, 3),
        "inside": ("joint", "inside", 0, 3),
        "inside-grow-3": ("joint", "inside", 3, 3),
        "resize": ("joint", "resize", 0, 3),
    }
    left, right = jobs("9")["1-receptive"]["regions"]
    assert (left["mask"], Path(right["mask"]).name) == ("rest", "mask-sigmoid-42x28.png")


def test_a_picture_can_be_painted_again_from_itself(made: Path, home: Path, tmp_path: Path) -> None:
    file = "figure-9/2-banded-3.png"
    again = tmp_path / "again.png"
    done = scumble("job", file, "--inputs", "inputs", "--output", again, home=home, folder=made)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_picture(again).rgb, read_picture(made / file).rgb)


def arrays(folder: Path, panel: dict[str, Any], entry: dict[str, Any]) -> tuple[Any, Any, Any]:
    content = planar(read_picture(input_file(folder, panel, "content")).rgb)
    result = planar(read_picture(folder / entry["file"]).rgb)
    return result, content, read_mask(input_file(folder, panel, "mask"))


@pytest.mark.usefixtures("sessions_kept")
def test_figure_10s_numbers_are_those_of_the_files(made: Path, model: Path) -> None:
    network = Network(Kernels(Weights(model)))
    for panel, entry in entries(made, "10"):
        result, content, mask = arrays(made, panel, entry)
        style = planar(read_picture(input_file(made, panel, "style")).rgb)
        found = entry["numbers"]
        leaks = [found["leak_0_8"], found["leak_8_32"], found["leak_over_32"]]
        expected = [each if np.isfinite(each) else None for each in leak(result, content, mask)]
        assert leaks == expected
        reached = reach(result, content, mask)
        assert found["reach"] == (reached if np.isfinite(reached) else None)
        assert found["seam"] == seam(result, mask)
        assert found["seam_of_content"] == seam(content, mask)
        loss = region_style_loss(network, result, style, mask).value
        np.testing.assert_allclose(found["region_style_loss"], loss, rtol=1e-5)
        if entry["file"].endswith(("cutout.png", "pinned.png", "stitch.png")):
            assert leaks[0] == 0


@pytest.mark.usefixtures("sessions_kept")
def test_figure_9s_numbers_are_those_of_the_files(made: Path, model: Path) -> None:
    network = Network(Kernels(Weights(model)))
    for panel, entry in entries(made, "9"):
        result, content, mask = arrays(made, panel, entry)
        found = entry["numbers"]
        assert found["evenness"] == evenness(result, mask)
        assert found["evenness_of_content"] == evenness(content, mask)
        for side, where in (("left", 1 - mask), ("right", mask)):
            style = planar(read_picture(input_file(made, panel, f"style on the {side}")).rgb)
            loss = region_style_loss(network, result, style, where).value
            np.testing.assert_allclose(found[f"region_style_loss_{side}"], loss, rtol=1e-5)


def test_the_other_figures_say_how_far_content_and_style_went(made: Path) -> None:
    for panel, entry in entries(made, "4"):
        content = read_picture(input_file(made, panel, "content")).rgb
        result = read_picture(made / entry["file"]).rgb
        expected = np.abs(result - content).mean(dtype=np.float64)
        np.testing.assert_allclose(entry["numbers"]["change"], expected, rtol=1e-6)
        assert set(entry["numbers"]) == {"change"}
    for figure, names in (("5", {"region_style_loss"}), ("6", {"change", "region_style_loss"})):
        for _, entry in entries(made, figure):
            assert set(entry["numbers"]) == names


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_follows_the_language(made: Path, tmp_path: Path, language: str) -> None:
    english = Phrases((made / "gallery.html").read_text(encoding="utf-8"))
    with in_language(language):
        page = write_page(tmp_path / "page.html", numbers_of(made), with_curves=True)
    found = Phrases(page.read_text(encoding="utf-8"))
    assert (english.language, found.language) == ("en", language.replace("_", "-"))
    assert {"Banded, 5 bands", "region style loss, right", "After 2 steps"} < english.found
    # Layers have no other names. What a run has said is in the language of that run.
    same = {each for each in found.found & english.found if not re.match(r"conv\d|Region 1", each)}
    assert same <= SAME.get(language, set())


def test_the_page_has_the_numbers_in_its_tables(made: Path) -> None:
    page = (made / "gallery.html").read_text(encoding="utf-8")
    rows = [re.findall("<td.*?>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", page)]
    for figure in PICTURES_PER_FIGURE:
        for _, entry in entries(made, figure):
            own = {name: value for name, value in entry["numbers"].items()
                   if not name.endswith("_of_content")}  # fmt: skip
            cells = [*map(number, own.values()), str(entry["evaluations"])]
            assert any(row and row[1:-1] == cells for row in rows), entry["file"]


def test_what_is_there_is_kept_and_what_is_not_is_painted(made: Path, home: Path) -> None:
    def times() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in made.glob("figure-*/*")}

    before = times()
    done = scumble("gallery", made, *TINY, home=home, folder=made)
    assert done.returncode == 0, done.stderr
    assert "pictures: 0 painted, 26 kept" in done.stdout
    assert times() == before

    lost, changed, cut = (
        made / "figure-10" / f"1-{name}" for name in ("stitch", "resize", "inside")
    )
    lost.with_suffix(".png").unlink()
    Image.new("RGB", (42, 28)).save(changed.with_suffix(".png"))
    cut.with_suffix(".json").write_text('{"wanted": ')
    done = scumble("gallery", made, *TINY, "--figure", "10", home=home, folder=made,
                   before=KEPT_SESSIONS + PLAIN_CURVES)  # fmt: skip
    assert "pictures: 3 painted, 5 kept" in done.stdout
    anew = {name for name, time in times().items() if before[name] != time}
    stems = {re.sub(r"(-loss)?\.\w+$", "", name) for name in anew}
    assert stems == {str(each) for each in (lost, changed, cut)}
    assert set(numbers_of(made)) == set(PICTURES_PER_FIGURE)
    check_links(made)


def test_ctrl_c_leaves_a_gallery_that_goes_on(home: Path, tmp_path: Path) -> None:
    arguments = ("gallery", "stopped", "--figure", "5", "--size", "400", "--iterations", "60")
    process = started(*arguments, home=home, folder=tmp_path, before=KEPT_SESSIONS + PLAIN_CURVES)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Figure 5, conv2_1"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert "Stopped with 4 pictures to paint. The same command continues from here." in err
    folder = tmp_path / "stopped"
    check_links(folder)
    page = (folder / "gallery.html").read_text(encoding="utf-8")
    assert page.count("not painted yet") == 4
    done = scumble(*arguments, home=home, folder=tmp_path, before=KEPT_SESSIONS + PLAIN_CURVES)
    assert "pictures: 4 painted, 1 kept" in done.stdout
    assert "not painted yet" not in (folder / "gallery.html").read_text(encoding="utf-8")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    random = np.random.default_rng(3)
    for name, size in (("Grüße & co", (40, 56)), ("one", (30, 50)), ("two", (50, 30))):
        values = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    Image.fromarray(np.eye(60, dtype=np.uint8)[::2] * 255).save(tmp_path / "line.png")
    half = np.zeros((40, 56), np.uint8)
    half[:, 20:] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    (tmp_path / "text.png").write_text("no picture")
    return tmp_path


def test_ones_own_pictures_take_the_place_of_the_gallerys(own: Path, home: Path) -> None:
    done = scumble(
        "gallery", "mine", "--content", "Grüße & co.png", "--style", "one.png", "--style",
        "two.png", "--mask", "half.png", "--figure", "9", "--figure", "10", "--quiet",
        "--size", "full", "--iterations", "1", "--seed", "5", home=home, folder=own,
        before=KEPT_SESSIONS + PLAIN_CURVES,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pictures: 13 painted" in done.stdout  # once, since both pairs would be the same
    assert "Figure 9" not in done.stderr
    check_links(own / "mine")
    for figure, styles in (("9", ["one", "two"]), ("10", ["one"])):
        for panel, entry in entries(own / "mine", figure):
            result, content, mask = arrays(own / "mine", panel, entry)
            assert result.shape == (3, 40, 56)
            original = planar(read_picture(own / "Grüße & co.png").rgb)
            np.testing.assert_array_equal(content, original)
            np.testing.assert_array_equal(mask, read_mask(own / "half.png"))
            names = [Path(region["style"]).stem for region in entry["job"]["regions"]]
            assert names == styles
            assert entry["job"]["seed"] == 5
            white = entry["job"]["regions"][-1]["mask"]
            assert Path(white).stem == "mask-half-56x40"


def test_a_single_own_style_leaves_figure_9_its_second() -> None:
    panels = with_own(figures(9)[9].panels, "", ("mine.png",), "")
    assert [[Path(style).name for style in panel.styles] for panel in panels] == [
        ["mine.png", "hokusai-wave.jpg"],
        ["mine.png", "kandinsky-composition-8.jpg"],
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("full",), 2, ["holds other things (precious.txt)"]),
        (("one.png",), 2, ["one.png", "is a file"]),
        (("one.png/below",), 1, ["cannot be used"]),
        (("new", "--style", "a.png"), 2, ["--style", "no file 'a.png'"]),
        (("new", *("--style", "one.png") * 3), 2, ["--style", "3 times"]),
        (("new", "--content", "text.png"), 1, ["text.png"]),
        (("new", "--mask", "black.png"), 2, ["black.png", "covers 0 of"]),
        (("new", "--size", "12"), 2, ["--size", "12 is too small"]),
        (("new", "--size", "big"), 2, ["--size", "'big'"]),
        (("new", "--iterations", "0"), 2, ["--iterations", "0"]),
        (("new", "--device", "abacus"), 2, ["--device", "'abacus'"]),
        (("new", "--figure", "7"), 2, ["--figure", "'7'"]),
        ((), 2, ["FOLDER"]),
    ],
)
def test_bad_input_is_one_sentence(
    own: Path, home: Path, arguments: tuple[str, ...], status: int, words: list[str]
) -> None:
    (own / "full").mkdir()
    (own / "full" / "precious.txt").write_text("precious")
    done = scumble("gallery", *arguments, home=home, folder=own)
    assert (done.returncode, done.stdout) == (status, "")
    check_sentence(done.stderr, *words)
    assert [file.name for file in (own / "full").iterdir()] == ["precious.txt"]


def test_without_matplotlib_the_curves_come_later(own: Path, home: Path) -> None:
    arguments = ("gallery", "bare", "--figure", "6", "--content", "one.png", *TINY)
    done = scumble(*arguments, home=home, folder=own, before=NO_MATPLOTLIB, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "install.py --plots" in done.stderr
    page = own / "bare" / "gallery.html"
    assert "install.py --plots" in page.read_text(encoding="utf-8")
    assert "figure-6/1-both-loss.png" not in links(page).found
    done = scumble(*arguments, home=home, folder=own)
    assert "pictures: 0 painted, 1 kept" in done.stdout
    assert "install.py --plots" not in page.read_text(encoding="utf-8")
    assert "figure-6/1-both-loss.png" in links(page).found
    check_links(own / "bare")


def test_the_sigmoid_rises_from_left_to_right_and_is_its_own_complement() -> None:
    mask = sigmoid(3, 64)
    assert mask.shape == (3, 64)
    assert (np.diff(mask, axis=1) > 0).all()
    assert mask[0, 0] < 0.001
    np.testing.assert_allclose(mask + mask[:, ::-1], 1, atol=1e-6)
    # 0.1 lies ln 9 sixteenths of the width from the middle.
    np.testing.assert_allclose(np.interp(0.1, mask[0], np.arange(64) + 0.5),
                               32 - np.log(9) * 4, atol=0.05)  # fmt: skip


def test_the_repository_says_where_the_pictures_come_from() -> None:
    text = (PICTURES / "SOURCES.md").read_text(encoding="utf-8")
    files = [file for file in PICTURES.iterdir() if file.suffix != ".md"]
    assert len(files) > 4
    for file in files:
        assert f"`{file.name}`" in text
    assert sum(file.stat().st_size for file in files) < 500_000


def test_the_figures_ask_for_nothing_that_a_job_refuses() -> None:
    for figure in figures(30).values():
        for panel in figure.panels:
            for variant in panel.variants:
                Job(content="a", **{"method": "joint", **variant.settings})
            for file in (panel.content, *panel.styles):
                assert not file or Path(file).is_file()
