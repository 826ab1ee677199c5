"""The labels of the dialog and their access keys."""

from __future__ import annotations

import re
import string
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine import translations

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
    marked = [*labels.GIMPS, labels.PAINT, labels.HELP, *labels.all_marked().values()]
    keys = [key for key in map(labels.access_key, marked) if key]
    assert len(set(keys)) == len(keys), sorted(keys)


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_letters_and_labels_differ_in_every_language(labels, language):
    translations.use([language])
    try:
        shown = [labels.label(each) for each in labels.options()]
        assert len(set(shown)) == len(shown)
        buttons = [translations._(each) for each in (labels.PAINT, labels.HELP)]
        ours = [*map(labels.access_key, (*labels.all_marked().values(), *buttons))]
        ours = [key for key in ours if key]
        assert len(set(ours)) == len(ours), sorted(ours)
        assert all(key in string.ascii_lowercase for key in ours)
        assert not set(ours) & {labels.access_key(translations._(each)) for each in labels.GIMPS}
        assert labels.access_key(labels.with_key(labels.ADD))
        for name, choices in labels.CHOICES.items():
            for choice, english in choices.items():
                short, whole = labels.chosen(name, choice), translations._(english)
                assert 0 < len(short) <= len(whole)
                assert (len(short) < len(whole)) == (":" in english), whole
    finally:
        translations.use(["en"])


def test_marking_changes_no_label(labels):
    for plain, marked in labels.all_marked().items():
        assert marked.replace("_", "", 1) == plain
        assert marked.count("_") <= 1


def with_keys(labels, texts: list[str], taken: str) -> dict[str, str]:
    return labels.with_access_keys({text: text for text in texts}, taken)


def test_a_label_without_a_free_letter_has_no_access_key(labels):
    marked = with_keys(labels, ["Bob", "Bee", "Ebb"], "o")
    assert marked == {"Bob": "_Bob", "Bee": "B_ee", "Ebb": "Ebb"}


def test_a_label_with_a_choice_makes_room(labels):
    assert with_keys(labels, ["Bee", "Bb"], "") == {"Bee": "B_ee", "Bb": "_Bb"}


def test_what_is_in_sight_gets_the_letters(labels):
    """Twenty letters are left by GIMP's buttons and ours, and three of them are in no label."""
    fields = {each.name: each for each in labels.options()}
    shown = [*labels.REGION.values(), labels.ADD, labels.MORE, labels.ADVANCED]
    shown += [labels.label(fields[name]) for name in labels.IN_FRONT]
    marked = [text for text in shown if labels.access_key(labels.all_marked()[text])]
    assert len(marked) == min(len(shown), 17)
    assert labels.all_marked()["Iterations"] == "_Iterations"


def test_words_come_before_letters(labels):
    assert with_keys(labels, ["Style size"], "s") == {"Style size": "S_tyle size"}
    assert with_keys(labels, ["Layers with masks"], "l") == {
        "Layers with masks": "Layers _with masks"
    }


def test_the_overrides_are_for_options(labels):
    fields = {each.name: each for each in labels.options()}
    assert set(labels.LABELS) <= set(fields)
    assert set(labels.TEXTS) <= set(fields)
    assert set(labels.IN_FRONT) <= set(fields)
    given = {name: each.metadata["choices"] for name, each in fields.items()}
    assert {name: sorted(choices) for name, choices in labels.CHOICES.items()} == {
        name: sorted(choices) for name, choices in given.items() if choices
    }
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
    import sources

    from engine import job

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


def test_every_choice_has_a_name(labels):
    from engine import job

    fields = job.Job.__dataclass_fields__
    assert labels.choice_label(fields["colors"], "style") == "The styles' colors"
    assert labels.choice_label(fields["device"], "cpu") == "Processor"
    assert labels.choice_label(fields["pooling"], "max") == "Maximum"


def test_every_option_is_shown_once(labels):
    shown = [*labels.IN_FRONT, *(each.name for each in (*labels.more(), *labels.advanced()))]
    assert sorted(shown) == sorted(each.name for each in labels.options())


def test_no_technical_word_stands_in_front(labels):
    """Not in a label, a choice, or the words at the ends of a slider."""
    technical = re.compile(
        r"loss|adam|lbfgs|l-bfgs|conv\d|optimizer|gradient\b|gram\b|pooling", re.I
    )
    plain = [each for each in labels.options() if each.name not in labels.TECHNICAL]
    texts = [labels.label(each) for each in plain]
    texts += [labels.choice_label(each, c) for each in plain for c in each.metadata["choices"]]
    texts += [word for ends in labels.ENDS.values() for word in ends]
    assert not [text for text in texts if technical.search(text)]
    assert any(technical.search(labels.label(each)) for each in labels.advanced())


def test_nothing_that_is_kept_reads_as_if_all_were_lost(labels):
    import source_choices
    import sources

    available = sources.Sources(sources.Item(1, "Photo"))
    assert source_choices.protected(available, "")[0] == ("", "nothing more")


def test_what_auto_chose_is_one_or_two_words(labels):
    assert labels.chosen("method", "cutout") == "Cut out"
    assert labels.chosen("device", "cpu") == "Processor"
    assert labels.chosen("optimizer", "L-BFGS-B with a memory of 10 steps").startswith("L-BFGS-B")


def test_times_and_memory_are_rounded(labels):
    spoken = {
        3: "a few seconds",
        42: "about 40 seconds",
        65: "about 1 minute",
        355: "about 6 minutes",
        5200: "about 87 minutes",
        9000: "about 2.5 hours",
    }
    assert {seconds: labels.about_time(seconds) for seconds in spoken} == spoken
    assert labels.gigabytes(1.16e9) == "1.2 GB"
    assert labels.gigabytes(1e6) == "0.1 GB"


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_letters_differ_in_the_window_that_sets_up_the_engine(labels, language):
    source = (CHECKOUT / "plugin" / "scumble" / "setup_window.py").read_text(encoding="utf-8")
    marked = set(re.findall(r'_\("(\w*_\w[^"]*)"\)', source))
    assert {"_Set it up", "_Try again"} < marked
    translations.use([language])
    try:
        keys = [labels.access_key(translations._(each)) for each in marked - {"_Try again"}]
        again = [labels.access_key(translations._(each)) for each in marked - {"_Set it up"}]
    finally:
        translations.use(["en"])
    assert len(set(keys)) == len(keys), keys
    assert len(set(again)) == len(again), again
