"""The entries of the dialog's lists."""

from __future__ import annotations

import dataclasses

import pytest

from engine.paintings import catalog


@pytest.fixture
def source_choices():
    import source_choices

    return source_choices


@pytest.fixture
def available(source_choices):
    import sources

    photo = sources.Item(1, "Photo", has_alpha=True)
    wave = sources.Item(2, "Wave", has_mask=True)
    far = sources.Item(9, "Night", image="other.xcf")
    return sources.Sources(photo, (wave, photo), (sources.Item(7, "Sky"),), (far,), True)


def test_styles_are_other_layers_and_files(source_choices, available):
    offered = source_choices.styles(available, ["/pictures/oil.jpg"], "")
    paintings = [each for each in offered if each[0] in catalog.NAMES]
    assert len(paintings) == len(catalog.PAINTINGS)
    assert ("cassatt-summertime", "Summertime, Mary Cassatt") in paintings
    assert [each for each in offered if each not in paintings] == [
        ("", "Choose a style"),
        (source_choices.CHOOSE_FILE, "Choose a picture file…"),
        ("/pictures/oil.jpg", "oil.jpg"),
        ("layer:#2:Wave", "Layer: Wave"),
        ("layer:#9:Night", "other.xcf: Night"),
    ]
    assert source_choices.styles(available, [], "layer:#2:Wave")[1] == (
        "layer:#2:Wave",
        "Layer: Wave",
    )


SELECTED = [("selection", "the selection"), ("outside", "everything outside the selection")]
ITEMS = [
    ("channel:#7:Sky", "the channel “Sky”"),
    ("mask:#2:Wave", "the mask of “Wave”"),
    ("alpha:#1:Photo", "the opacity of “Photo”"),
    ("?file", "Choose a gray picture…"),
]


def test_a_region_goes_on_the_layer_or_a_mask(source_choices, available):
    whole, rest = ("", "the whole layer"), ("rest", "the rest")
    assert source_choices.masks(available, "") == [whole, *SELECTED, rest, *ITEMS]


def test_nothing_or_a_mask_is_kept(source_choices, available):
    assert source_choices.protected(available, "") == [("", "nothing more"), *SELECTED, *ITEMS]


def test_without_a_selection_it_is_not_offered(source_choices, available):
    available = dataclasses.replace(available, has_selection=False)
    assert source_choices.protected(available, "") == [("", "nothing more"), *ITEMS]
    assert source_choices.masks(available, "")[1] == ("rest", "the rest")


def test_what_is_chosen_is_in_the_list(source_choices, available):
    path = "/pictures/" + "very " * 20 + "long.png"
    words, name = source_choices.protected(available, path)[0]
    assert words == path
    assert len(name) <= source_choices.NAME_WIDTH + 1
    assert name.startswith("very ")
    assert name.endswith("long.png")
