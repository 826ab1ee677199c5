"""The labels of the dialog and their access keys."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def labels():
    import labels

    return labels


def test_labels_differ_and_are_plain_words(labels):
    shown = [labels.label(each) for each in labels.options()]
    assert len(set(shown)) == len(shown)
    assert not [label for label in shown if "_" in label or not label]


def test_no_two_controls_share_an_access_key(labels):
    marked = [*labels.GIMPS, labels.PAINT, labels.HELP, *labels.MARKED.values()]
    keys = [key for key in map(labels.access_key, marked) if key]
    assert len(set(keys)) == len(keys), sorted(keys)


def test_marking_changes_no_label(labels):
    for plain, marked in labels.MARKED.items():
        assert marked.replace("_", "", 1) == plain
        assert marked.count("_") <= 1


def test_a_label_without_a_free_letter_has_no_access_key(labels):
    marked = labels.with_access_keys(["Bob", "Bee", "Ebb"], "o")
    assert marked == {"Bob": "_Bob", "Bee": "B_ee", "Ebb": "Ebb"}


def test_words_come_before_letters(labels):
    assert labels.with_access_keys(["Style size"], "s") == {"Style size": "S_tyle size"}
    assert labels.with_access_keys(["Layers with masks"], "l") == {
        "Layers with masks": "Layers _with masks"
    }


def test_the_overrides_are_for_options(labels):
    fields = {each.name: each for each in labels.options()}
    assert set(labels.LABELS) <= set(fields)
    assert set(labels.TEXTS) <= set(fields)
    assert set(labels.IN_FRONT) <= set(fields)
    for name, choices in labels.CHOICES.items():
        assert set(choices) == set(fields[name].metadata["choices"])
    assert set(labels.SHORT_METHODS) == set(labels.job.METHODS)


def test_masked_layers_are_for_methods_that_paint_past_masks(labels):
    names = [name for name in ("auto", *labels.job.METHODS) if labels.gives_masked_layers(name)]
    assert names == ["auto", "cutout", "stitch"]


def test_which_borders_can_be_moved(labels):
    assert labels.movable_borders("joint") == ""
    assert labels.movable_borders("stitch") == "every border can be moved"
    for method in ("auto", "cutout"):
        assert labels.movable_borders(method) == "outer borders can be moved a little"


def test_a_layers_name_says_what_auto_chose(labels):
    assert labels.blend("auto", "cutout") == "automatic: cut out"
    assert labels.blend("cutout", "cutout") == "cut out"


def test_the_help_page_names_what_the_dialog_has(labels):
    import job
    import sources

    folder = CHECKOUT / "plugin" / "scumble" / "help" / "en"
    page = " ".join((folder / "index.html").read_text(encoding="utf-8").split())
    for method, shown in labels.CHOICES["method"].items():
        assert f"<tr><td>{shown.partition(':')[0]}</td><td>{method}</td>" in page
    for name in labels.IN_FRONT:
        label = labels.label(job.Job.__dataclass_fields__[name])
        assert f">{label[0].upper()}{label[1:]}<" in page, label
    plain = (sources.ALL, sources.SELECTION, sources.OUTSIDE, sources.REST)
    for kind in plain:
        assert sources.Source(kind).description in page
    for item in ("a channel", "the mask of a layer", "the opacity of a layer", "a gray picture"):
        assert item in page
    index = ElementTree.parse(folder / "gimp-help.xml").getroot()
    assert index.tag == "gimp-help"
    assert {item.attrib["ref"] for item in index} == {"index.html"}
    assert index[0].attrib["{scumble}id"] == "plug-in-scumble"


def test_choices_are_explained_by_the_help(labels):
    import job

    fields = job.Job.__dataclass_fields__
    assert labels.choice_label(fields["colors"], "style") == "Style: the styles' colors"
    assert labels.choice_label(fields["device"], "cpu") == "Cpu"
