"""What the dialog's lists offer."""

from __future__ import annotations

import dataclasses

import pytest


@pytest.fixture
def choices():
    import choices

    return choices


@pytest.fixture
def scene(choices):
    import regions

    photo = regions.Item(1, "Photo", has_alpha=True)
    wave = regions.Item(2, "Wave", has_mask=True)
    far = regions.Item(9, "Night", image="other.xcf")
    return regions.Scene(photo, (wave, photo), (regions.Item(7, "Sky"),), (far,), True)


def test_styles_are_other_layers_and_files(choices, scene):
    offered = choices.styles(scene, ["/pictures/oil.jpg"], "")
    assert offered == [
        ("", "Choose a style"),
        ("/pictures/oil.jpg", "oil.jpg"),
        ("layer:#2:Wave", "Layer: Wave"),
        ("layer:#9:Night", "other.xcf: Night"),
        (choices.CHOOSE_FILE, "Choose a picture file…"),
    ]
    assert choices.styles(scene, [], "layer:#2:Wave")[0] == ("layer:#2:Wave", "Layer: Wave")


SELECTED = [("selection", "the selection"), ("outside", "what is not selected")]
ITEMS = [
    ("channel:#7:Sky", "the channel “Sky”"),
    ("mask:#2:Wave", "the mask of “Wave”"),
    ("alpha:#1:Photo", "the opacity of “Photo”"),
    ("?file", "Choose a grey picture…"),
]


def test_a_region_goes_on_the_layer_or_a_mask(choices, scene):
    whole, rest = ("", "the whole layer"), ("rest", "the rest")
    assert choices.masks(scene, "") == [whole, *SELECTED, rest, *ITEMS]


def test_nothing_or_a_mask_is_kept(choices, scene):
    assert choices.kept(scene, "") == [("", "nothing"), *SELECTED, *ITEMS]


def test_without_a_selection_it_is_not_offered(choices, scene):
    scene = dataclasses.replace(scene, has_selection=False)
    assert choices.kept(scene, "") == [("", "nothing"), *ITEMS]
    assert choices.masks(scene, "")[1] == ("rest", "the rest")


def test_what_is_chosen_is_in_the_list(choices, scene):
    path = "/pictures/" + "very " * 20 + "long.png"
    words, name = choices.kept(scene, path)[0]
    assert words == path
    assert len(name) <= choices.NAME_WIDTH + 1
    assert name.startswith("very ")
    assert name.endswith("long.png")
