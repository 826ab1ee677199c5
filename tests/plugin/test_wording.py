"""Every option can be reached by a letter, and no letter in front leads to two of them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def wording():
    import wording

    return wording


@pytest.fixture
def letters(wording):
    """Return the letter of every option, as its label marks it."""
    labels = {each.name: wording.label(each) for each in wording.options()}
    assert all(label.count("_") == 1 for label in labels.values()), labels
    return {name: wording.letter(label) for name, label in labels.items()}


def test_every_option_has_a_letter(wording, letters):
    assert set(wording.LETTERS) == set(letters)
    assert all(letter.isalpha() for letter in letters.values())


def test_each_in_front_and_each_button_has_its_own(wording, letters):
    buttons = [*wording.GIMPS, wording.PAINT, wording.HELP, wording.ADD, wording.MORE]
    marked = [*map(wording.letter, [*buttons, *wording.ROW.values()])]
    marked += [letters[name] for name in wording.IN_FRONT]
    assert len(set(marked)) == len(marked), sorted(marked)
    folded = {letter for name, letter in letters.items() if name not in wording.IN_FRONT}
    assert not folded & set(marked)


def test_labels_differ(wording):
    labels = [wording.label(each).replace("_", "") for each in wording.options()]
    assert len(set(labels)) == len(labels)


def test_the_overrides_are_for_options(wording):
    names = {each.name for each in wording.options()}
    assert set(wording.LABELS) <= names
    assert set(wording.TEXTS) <= names


def test_layers_are_for_methods_that_make_them(wording):
    made = [method for method in ("auto", *wording.job.METHODS) if wording.makes_layers(method)]
    assert made == ["auto", "cutout", "stitch"]


def test_the_help_page_names_what_the_dialog_has(wording):
    import job
    import regions

    folder = CHECKOUT / "plugin" / "scumble" / "help" / "en"
    page = " ".join((folder / "index.html").read_text(encoding="utf-8").split())
    for method in job.METHODS:
        assert f"<tr><td>{method}</td>" in page
    for name in wording.IN_FRONT:
        label = wording.plain_label(job.Job.__dataclass_fields__[name])
        assert f">{label[0].upper()}{label[1:]}<" in page, label
    plain = (regions.ALL, regions.SELECTION, regions.OUTSIDE, regions.REST)
    for kind in plain:
        assert regions.Source(kind).words in page
    for item in ("a channel", "the mask of a layer", "the opacity of a layer", "a grey picture"):
        assert item in page
    index = ElementTree.parse(folder / "gimp-help.xml").getroot()
    assert index.tag == "gimp-help"
    assert {item.attrib["ref"] for item in index} == {"index.html"}
    assert index[0].attrib["{scumble}id"] == "plug-in-scumble"


def test_choices_are_explained_by_the_help(wording):
    import job

    fields = job.Job.__dataclass_fields__
    assert wording.choice_label(fields["colors"], "style") == "Style: the styles' colors"
    assert wording.choice_label(fields["device"], "cpu") == "Cpu"
