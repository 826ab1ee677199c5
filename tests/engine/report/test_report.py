"""Reports, written by the real program: what is in them, and what a report may never cost."""

from __future__ import annotations

import json
import shutil
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.metrics.borders import evenness, fringe, leak, reach, seam
from engine.metrics.region_style_loss import region_style_loss
from engine.network import Network
from engine.pictures.picture import read_mask, read_picture, read_settings
from engine.report.report_page import page
from engine.sizes import planar
from engine.translations import _, in_language
from tests.engine.html_phrases import Phrases
from tests.engine.programs import (
    PLAIN_CURVES,
    SHALLOW,
    SHALLOW_JOB,
    check_sentence,
    make_pictures,
    noise,
    scumble,
)

HEIGHT, WIDTH = 80, 144
ODD = '<b> & "sky" 空'


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pictures wide enough for every metric, a hard and a soft mask."""
    folder = make_pictures(tmp_path_factory.mktemp("wide"))
    Image.fromarray(noise(5, HEIGHT, WIDTH)).save(folder / "content.png")
    hard = np.zeros((HEIGHT, WIDTH), np.uint8)
    hard[:, : WIDTH // 2] = 255
    Image.fromarray(hard).save(folder / "hard.png")
    soft = np.tile(np.clip(np.linspace(-0.5, 1.5, WIDTH), 0, 1) * 255, (HEIGHT, 1))
    Image.fromarray(soft.astype(np.uint8)).save(folder / "soft.png")
    return folder


class Page(HTMLParser):
    """The links and the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def numbers_of(report: Path) -> dict[str, Any]:
    """Return the numbers of a report, once it is seen to be whole."""
    numbers = json.loads((report / "report.json").read_text(encoding="ascii"))
    files = {each.name for each in report.iterdir()}
    assert set(numbers["files"]) == files
    page = Page((report / "report.html").read_text(encoding="utf-8"))
    assert set(page.links) == files - {"report.html"}
    assert not {"script", "link", "iframe"} & set(page.tags)
    for file in files - {"report.html", "report.json"}:
        with Image.open(report / file) as image:
            assert image.getexif() == {}
            assert min(image.size) > 10
    return numbers


def metrics(numbers: dict[str, Any], region: int | None) -> dict[str, float]:
    (entry,) = [each for each in numbers["regions"] if each["region"] == region]
    return entry["metrics"]


def painted(
    home: Path, folder: Path, *arguments: str, before: str = PLAIN_CURVES, language: str = "en"
) -> dict[str, Any]:
    done = scumble("stylize", "content.png", "out.png", *arguments, *SHALLOW, "--iterations", "2",
                   "--report", "report", home=home, folder=folder,
                   before=f"import engine.translations as t\nt.use([{language!r}])\n{before}",
                   )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with in_language(language):
        assert _("The report is {page}.").partition("{page}")[0] in done.stderr
    return numbers_of(folder / "report")


def file_array(file: Path) -> np.ndarray:
    return planar(read_picture(file).rgb)


def test_a_hard_masks_table_has_the_figures_of_the_formulas(
    home: Path, wide: Path, kernels
) -> None:
    numbers = painted(home, wide, "--style", "waves.png", "hard.png", "--name", ODD,
                      "--method", "pinned", "--smoothing", "5", "--init", "content",
                      before="")  # fmt: skip
    content, result = file_array(wide / "content.png"), file_array(wide / "out.png")
    mask = read_mask(wide / "hard.png")
    found = metrics(numbers, 1)
    wanted: dict[str, float] = dict(
        zip(("leak_0_8", "leak_8_32", "leak_over_32"), leak(result, content, mask))
    )
    wanted.update(
        reach=reach(result, content, mask),
        fringe=fringe(result, mask),
        seam=seam(result, mask),
        seam_of_content=seam(content, mask),
    )
    network = Network(kernels)
    style = file_array(wide / "waves.png")
    wanted["region_style_loss"] = region_style_loss(network, result, style, mask).value
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name
    assert found["leak_0_8"] == 0
    entry = numbers["regions"][0]
    assert (entry["name"], entry["mask"], entry["coverage"]) == (ODD, "hard", 0.5)

    (losses,) = numbers["loss_by_scale"]
    assert losses["size"] == [HEIGHT, WIDTH]
    assert losses["start"].keys() == losses["end"].keys() == {"content", "style 0", "smoothing"}
    assert losses["start"]["content"] == 0
    assert sum(losses["end"].values()) == pytest.approx(numbers["loss"])
    assert losses["end"]["style 0"] < losses["start"]["style 0"]
    kinds = [(each["kind"], each["region"]) for each in numbers["guidance"]]
    assert kinds == [("guidance", 1), ("steepened", 1)]
    page = (wide / "report" / "report.html").read_text(encoding="utf-8")
    assert "<b> &" not in page
    assert ODD in Page(page).text


def test_what_a_run_was_and_what_it_took(home: Path, wide: Path) -> None:
    numbers = painted(home, wide, "--style", "waves.png", "--scales", "2", "--threads", "1",
                      "--seed", "3", "--init", "noise", "--size", "9000")  # fmt: skip
    settings = read_settings(wide / "out.png")
    assert {name: numbers[name] for name in settings} == settings
    assert numbers["job"]["seed"] == numbers["seed"] == 3
    assert numbers["job"]["report"] == ""
    assert numbers["threads"] == 1
    assert numbers["content_size"] == [HEIGHT, WIDTH]
    sizes = [each["size"] for each in numbers["loss_by_scale"]]
    assert [each["scale"] for each in numbers["loss_by_scale"]] == [1, 2]
    assert sizes[1] == numbers["working_size"]
    assert sizes[0][0] * sizes[0][1] < sizes[1][0] * sizes[1][1] <= 9100
    assert sum(each["evaluations"] for each in numbers["loss_by_scale"]) == numbers["evaluations"]
    assert numbers["evaluations"] >= numbers["steps"] == 4

    seconds = numbers["seconds"]
    stages = ["reading", "model", "styles", "painting", "strokes", "finishing", "writing"]
    assert list(seconds) == [*stages, "all"]
    assert all(value > 0 for value in seconds.values())
    assert sum(seconds[each] for each in stages) == pytest.approx(seconds["all"])
    each_picture = sum(each["seconds"] for each in numbers["loss_by_scale"])
    assert seconds["painting"] == pytest.approx(each_picture)
    per_evaluation = numbers["seconds_per_evaluation"]
    assert per_evaluation * numbers["evaluations"] == pytest.approx(seconds["painting"])
    memory = numbers["memory"]
    assert 50e6 < memory["peak_bytes"] < memory["machine_bytes"]
    assert {"scumble", "python", "numpy", "scipy", "pillow", "matplotlib"} < set(
        numbers["versions"]
    )
    assert any("enlarged" in each for each in numbers["notices"])
    # One style on all of it: there is no border to measure at.
    assert metrics(numbers, 1).keys() == {"region_style_loss"}
    assert numbers["regions"][0]["mask"] == "hard"
    assert "no border" in numbers["regions"][0]["notes"][0]


def test_two_regions_and_a_soft_mask(home: Path, wide: Path) -> None:
    numbers = painted(home, wide, "--style", "waves.png", "soft.png", "--style", "oil.png", "rest",
                      "--method", "banded", "--bands", "3")  # fmt: skip
    content, result = file_array(wide / "content.png"), file_array(wide / "out.png")
    mask = read_mask(wide / "soft.png")
    for region, own in ((1, mask), (2, 1 - mask)):
        found = metrics(numbers, region)
        assert found.keys() == {"evenness", "evenness_of_content", "region_style_loss"}
        assert found["evenness"] == pytest.approx(evenness(result, own), rel=1e-4)
        assert found["evenness_of_content"] == pytest.approx(evenness(content, own), rel=1e-4)
    coverage = [each["coverage"] for each in numbers["regions"]]
    assert coverage == pytest.approx([mask.mean(), 1 - mask.mean(), 1.0], abs=1e-5)
    assert [each["mask"] for each in numbers["regions"]] == ["soft", "soft", "hard"]
    assert [each["label"] for each in numbers["guidance"] if each["kind"] == "band"] == [
        "band: 100% of 1 (waves.png)",
        "band: 50% of 1 (waves.png), 50% of 2 (oil.png)",
        "band: 100% of 2 (oil.png)",
    ]


def test_a_leak_into_another_region_is_none(home: Path, wide: Path) -> None:
    """Each paints outside of the other; nobody paints outside of both."""
    both = np.asarray(read_mask(wide / "hard.png") * 255, np.uint8)
    both[: HEIGHT // 2] = 0
    Image.fromarray(both).save(wide / "lower left.png")
    upper = np.asarray(read_mask(wide / "hard.png") * 255, np.uint8)
    upper[HEIGHT // 2 :] = 0
    Image.fromarray(upper).save(wide / "upper left.png")
    numbers = painted(home, wide, "--style", "waves.png", "lower left.png", "--style", "oil.png",
                      "upper left.png", "--method", "joint")  # fmt: skip
    content, result = file_array(wide / "content.png"), file_array(wide / "out.png")
    for region in (1, 2):
        assert not [name for name in metrics(numbers, region) if name.startswith("leak")]
        assert "seam" in metrics(numbers, region)
        assert any("other regions" in note for note in numbers["regions"][region - 1]["notes"])
    found = metrics(numbers, None)
    wanted = leak(result, content, read_mask(wide / "hard.png"))
    assert [found[name] for name in ("leak_0_8", "leak_8_32", "leak_over_32")] == pytest.approx(
        wanted, rel=1e-4
    )


def test_stitch_has_curves_for_each_picture_and_pages_follow_the_language(
    home: Path, wide: Path
) -> None:
    numbers = painted(home, wide, "--style", "waves.png", "hard.png", "--style", "oil.png", "rest",
                      "--method", "stitch", "--scales", "2", before="", language="ja")  # fmt: skip
    # The page is Japanese, and what programs read is English.
    japanese = Phrases((wide / "report" / "report.html").read_text(encoding="utf-8"))
    english = Phrases(page(numbers, [("content.jpg", "content")], [], "guidance.png"))
    assert (japanese.language, english.language) == ("ja", "en")
    assert {"Coverage and metrics", "seam of the content", "all regions"} < english.found
    # Names and values of options, and versions, are the same in every language.
    names = {*numbers["versions"], numbers["system"], *numbers["job"],
             *map(str, numbers["job"].values())}  # fmt: skip
    assert {each for each in japanese.found & english.found if each[:4] != "conv"} <= names
    assert numbers["regions"][0]["labels"]["seam_of_content"] == "seam of the content"
    assert {"curves-1.png", "curves-2.png"} < set(numbers["files"])
    about = [(each["scale"], each["picture_of_region"]) for each in numbers["loss_by_scale"]]
    assert about == [(1, 1), (1, 2), (2, 1), (2, 2)]
    for each in numbers["loss_by_scale"]:
        assert each["end"].keys() == {"content", f"style {each['picture_of_region'] - 1}"}
    assert numbers["guidance_notes"] == ["The method stitch uses the masks at picture size only."]
    assert all(each["layers"] == {} for each in numbers["guidance"])


def test_nothing_else_is_written_and_the_copies_are_the_pictures(
    home: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    names = ("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "APPDATA")
    Image.fromarray(noise(1, 450, 600, 4)).save(pictures / "content.png")
    there = {each.name for each in pictures.iterdir()}
    kept = {each.name for each in home.iterdir()}
    done = scumble("stylize", "content.png", "out.png", "--style", "waves.png", "--size", "3000",
                   *SHALLOW, "--iterations", "1", "--report", "a report",
                   home=home, folder=pictures, fresh=True,
                   **dict.fromkeys(names, str(elsewhere)))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {each.name for each in pictures.iterdir()} == there | {"out.png", "a report"}
    assert {each.name for each in home.iterdir()} <= kept | {"cache"}
    assert list(elsewhere.iterdir()) == []
    numbers_of(pictures / "a report")
    small = read_picture(pictures / "a report" / "content.png")
    assert small.rgb.shape == (360, 480, 3)
    whole = read_picture(pictures / "content.png")
    assert small.alpha is not None
    assert whole.alpha is not None
    assert small.alpha.mean() == pytest.approx(whole.alpha.mean(), abs=0.01)
    assert small.rgb.mean() == pytest.approx(whole.rgb.mean(), abs=1)


@pytest.fixture(scope="module")
def painted_once(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures with a result and its report, to be copied."""
    folder = make_pictures(tmp_path_factory.mktemp("painted"))
    painted(home, folder, "--style", "waves.png")
    return folder


@pytest.fixture
def reported(painted_once: Path, tmp_path: Path) -> Path:
    """Return a copy of that folder."""
    return shutil.copytree(painted_once, tmp_path / "reported")


def test_repeating_a_result_leaves_its_report(home: Path, reported: Path) -> None:
    before = {each.name: each.read_bytes() for each in (reported / "report").iterdir()}
    done = scumble("job", "out.png", "--output", "again.png", home=home, folder=reported)
    assert done.returncode == 0, done.stderr
    assert "report" not in done.stderr
    assert before == {each.name: each.read_bytes() for each in (reported / "report").iterdir()}


def test_a_job_file_may_ask_for_one_and_writes_it_anew(home: Path, pictures: Path) -> None:
    (pictures / "jobs").mkdir()
    regions = [{"style": "../waves.png", "mask": "../ramp.png"},
               {"style": "../oil.png", "mask": "rest"}]  # fmt: skip
    job = {
        "content": "../content.png",
        "output": "out.npy",
        "iterations": 1,
        "report": "report",
        **SHALLOW_JOB,
    }
    for count in (2, 1):
        text = json.dumps({**job, "regions": regions[:count]})
        (pictures / "jobs" / "job.json").write_text(text)
        done = scumble("job", "jobs/job.json", "--json", home=home, folder=pictures,
                       before=PLAIN_CURVES)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["type"] == "done"
        numbers = numbers_of(pictures / "jobs" / "report")
        assert len([each for each in numbers["regions"] if each["region"]]) == count
        # What file managers leave behind is not in the way of the next one.
        assert not (pictures / "jobs" / "report" / ".DS_Store").exists()
        (pictures / "jobs" / "report" / ".DS_Store").write_text("")


def refused(home: Path, folder: Path, *arguments: str) -> str:
    before = sorted(folder.rglob("*"))
    done = scumble("stylize", "content.png", *arguments, *SHALLOW, "--iterations", "1", home=home,
                   folder=folder)  # fmt: skip
    assert done.returncode in (1, 2)
    check_sentence(done.stderr)
    assert sorted(folder.rglob("*")) == before  # nothing is painted
    return done.stderr


def test_folders_that_are_not_its_own(home: Path, reported: Path) -> None:
    base = ("out.png", "--style", "waves.png", "--report")
    assert "ramp.png is a file" in refused(home, reported, *base, "ramp.png")
    assert "There is no folder" in refused(home, reported, *base, "no/where")
    (reported / "mine").mkdir()
    (reported / "mine" / "letter.txt").write_text("mine")
    assert "letter.txt" in refused(home, reported, *base, "mine")
    # Names like ours do not make it ours.
    (reported / "mine" / "letter.txt").rename(reported / "mine" / "result.png")
    assert "result.png" in refused(home, reported, *base, "mine")
    (reported / "mine" / "report.json").write_text('{"files": ["result.png", "report.json"]}')
    assert "report.json" in refused(home, reported, *base, "mine")
    assert "content.png lies in" in refused(home, reported, *base, ".")
    (reported / "empty").mkdir()
    inside = ("empty/out.png", "--style", "waves.png", "--report", "empty")
    assert "out.png lies in" in refused(home, reported, *inside)

    (reported / "report" / "mine.txt").write_text("mine")
    assert "mine.txt" in refused(home, reported, *base, "report")
    (reported / "report" / "mine.txt").rename(reported / "report" / "curves-7.png")
    assert "curves-7.png" in refused(home, reported, *base, "report")


def test_an_empty_folder_and_one_behind_a_link(home: Path, pictures: Path) -> None:
    (pictures / "empty").mkdir()
    (pictures / "report").symlink_to("empty")
    painted(home, pictures, "--style", "waves.png")
    assert (pictures / "report").is_symlink()
    assert (pictures / "empty" / "report.html").is_file()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_report_that_fails_costs_no_picture(
    home: Path, pictures: Path, full_disk, as_json: bool
) -> None:
    full_disk.fill()
    there = sorted(full_disk.folder.iterdir())
    done = scumble("stylize", "content.png", "out.png", "--style", "waves.png", *SHALLOW,
                   "--iterations", "1", "--report", full_disk.folder / "report",
                   *(["--json"] if as_json else []),
                   home=home, folder=pictures, before=full_disk.before)  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert "The result is in out.png, but it has no report" in last
    assert "Make room on the disk" in last
    assert (
        read_picture(pictures / "out.png").rgb.shape
        == read_picture(pictures / "content.png").rgb.shape
    )
    assert sorted(full_disk.folder.iterdir()) == there
    if as_json:
        said = [json.loads(each) for each in done.stdout.splitlines()]
        assert [each["type"] for each in said[-2:]] == ["done", "error"]
        assert said[-2]["files"] == ["out.png"]
        assert said[-1]["code"] == "disk"
    else:
        assert done.stdout.startswith("Wrote out.png")


def test_an_earlier_report_outlives_one_that_fails(home: Path, reported: Path) -> None:
    before = {each.name: each.read_bytes() for each in (reported / "report").iterdir()}
    broken = """
from engine.report import guidance_maps
def no_memory(*given):
    raise MemoryError
guidance_maps.draw_sheet = no_memory
"""
    done = scumble("stylize", "content.png", "out.png", "--style", "oil.png", *SHALLOW,
                   "--iterations", "1", "--report", "report",
                   home=home, folder=reported, before=PLAIN_CURVES + broken)  # fmt: skip
    assert done.returncode == 1
    assert "not enough memory" in done.stderr.splitlines()[-1]
    assert before == {each.name: each.read_bytes() for each in (reported / "report").iterdir()}
    assert list(reported.glob(".*")) == []


def test_a_report_of_ten_regions_is_its_own_and_may_be_replaced(tmp_path: Path) -> None:
    from engine.job import Job, Region
    from engine.report.folder import check_report

    folder = tmp_path / "report"
    folder.mkdir()
    files = ["report.html", "report.json", "curves-10.png", "style-12.jpg", "mask-10.png"]
    for name in files:
        (folder / name).write_text("")
    numbers = {"scumble": "1", "report": 1, "files": files}
    (folder / "report.json").write_text(json.dumps(numbers))
    content, style = str(tmp_path / "content.png"), str(tmp_path / "style.png")
    job = Job(content=content, output=str(tmp_path / "out.png"), regions=(Region(style),),
              report=str(folder))  # fmt: skip
    check_report(job)


def test_a_report_is_put_back_if_its_replacement_was_killed_half_way(tmp_path: Path) -> None:
    from engine.job import Job, Region
    from engine.report.folder import check_report

    old = tmp_path / ".report.old"
    old.mkdir()
    numbers = {"scumble": "1", "report": 1, "files": ["report.html", "report.json"]}
    (old / "report.html").write_text("earlier")
    (old / "report.json").write_text(json.dumps(numbers))
    content, style = str(tmp_path / "content.png"), str(tmp_path / "style.png")
    job = Job(content=content, output=str(tmp_path / "out.png"), regions=(Region(style),),
              report=str(tmp_path / "report"))  # fmt: skip
    check_report(job)
    assert (tmp_path / "report" / "report.html").read_text() == "earlier"
    assert not old.exists()

    old.mkdir()  # a folder of the user's own stays where it is
    (old / "letter.txt").write_text("mine")
    (tmp_path / "report").rename(tmp_path / "elsewhere")
    check_report(job)
    assert (old / "letter.txt").read_text() == "mine"
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("name", ["report", ".report.old", ".report.part"])
def test_what_another_user_left_of_a_report_is_said_before_the_painting(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import PictureError
    from engine.job import Job, Region
    from engine.report import folder as report_folder

    def refuse(dir: Path) -> Any:
        if Path(dir) == tmp_path / name:
            raise PermissionError(13, "Permission denied")
        return tempfile.SpooledTemporaryFile()

    (tmp_path / name).mkdir()
    monkeypatch.setattr(report_folder.tempfile, "TemporaryFile", refuse)
    content, style = str(tmp_path / "content.png"), str(tmp_path / "style.png")
    job = Job(content=content, output=str(tmp_path / "out" / "a.png"), regions=(Region(style),),
              report=str(tmp_path / "report"))  # fmt: skip
    with pytest.raises(PictureError, match=f"{name}: Permission denied"):
        report_folder.check_report(job)
