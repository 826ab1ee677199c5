from __future__ import annotations

import json

import pytest

CONTENT, WAVE, NIGHT = range(1, 4)


@pytest.fixture
def regions():
    import regions

    return regions


@pytest.fixture
def scene(regions):
    """A photograph below two paintings, one of them with a mask, and a channel."""
    photo = regions.Item(CONTENT, "Photo", has_alpha=True)
    wave = regions.Item(WAVE, "Wave", has_mask=True, has_alpha=True)
    night = regions.Item(NIGHT, "Night")
    far = regions.Item(9, "Night", image="other.xcf")
    channels = (regions.Item(7, "Sky"), regions.Item(8, "Sea"))
    return regions.Scene(photo, (night, wave, photo), channels, (far,), has_selection=True)


def planned(regions, scene, *given):
    return regions.plan(regions.from_json(json.dumps(given)), scene)


def refused(regions, scene, *given):
    with pytest.raises(regions.RegionError) as caught:
        planned(regions, scene, *given)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(
    "mask, kind, words",
    [
        ("", "", "the whole layer"),
        ("selection", "selection", "the selection"),
        ("outside", "outside", "what is not selected"),
        ("rest", "rest", "the rest"),
        ("channel:Sky", "channel", "the channel “Sky”"),
        ("channel:#8", "channel", "the channel “Sea”"),
        ("mask:Wave", "mask", "the mask of the layer “Wave”"),
        ("mask:#2:Wave", "mask", "the mask of the layer “Wave”"),
        ("mask:#99:Wave", "mask", "the mask of the layer “Wave”"),
        ("alpha:Photo", "alpha", "the transparency of the layer “Photo”"),
        ("grey:Night", "grey", "the grey values of “Night”"),
    ],
)
def test_masks_are_found(regions, scene, mask, kind, words):
    (plan,) = planned(regions, scene, {"style": "layer:Night", "mask": mask})
    assert plan.mask.kind == kind
    assert plan.mask.words == words
    assert plan.style.item.number == NIGHT
    assert plan.name == "Night"


def test_a_number_that_now_is_another_item_gives_way_to_the_name(regions, scene):
    (plan,) = planned(regions, scene, {"style": "layer:#1:Night"})
    assert plan.style.item.number == NIGHT


def test_a_layer_of_this_image_comes_before_one_elsewhere(regions, scene):
    (plan,) = planned(regions, scene, {"style": "layer:Night"})
    assert plan.style.item.number == NIGHT
    (plan,) = planned(regions, scene, {"style": "layer:#9"})
    assert plan.style.item.image == "other.xcf"


def test_files_by_path_and_by_uri(regions, scene, tmp_path):
    path = tmp_path / "grün & blau.jpg"
    path.write_bytes(b"")
    for text in (str(path), path.as_uri()):
        (plan,) = planned(regions, scene, {"style": text, "mask": text})
        assert plan.style.path == str(path)
        assert plan.mask.kind == "file"
        assert plan.name == "grün & blau"


@pytest.mark.parametrize(
    "region, phrase",
    [
        ({}, "Region 1 has no style yet"),
        ({"style": "layer:Sea"}, "there is no layer called “Sea”"),
        ({"style": "layer:#77"}, "there is no layer number 77"),
        ({"style": "/no/such.jpg"}, "/no/such.jpg is not there"),
        ({"style": "layer:Night", "mask": "/no/mask.png"}, "the mask /no/mask.png is not there"),
        ({"style": "layer:Night", "mask": "mask:Night"}, "“Night” has no layer mask"),
        ({"style": "layer:Night", "mask": "alpha:Night"}, "“Night” has no transparency"),
        ({"style": "layer:Night", "mask": "channel:Land"}, "no channel called “Land”"),
        ({"style": "layer:Night", "strength": 2}, "'strength' is unknown; a region has style"),
        ({"style": "layer:Night", "style_size": 9}, "regions[1].style_size: 9.0 is out of range"),
        ({"style": 5}, "regions[1].style: 5 is not a text"),
        ("layer:Night", "an object with fields such as 'style'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(regions, scene, region, phrase):
    assert phrase in refused(regions, scene, region)


def test_counts_of_regions(regions, scene):
    one = {"style": "layer:Night"}
    assert "9 regions are given; up to 8" in refused(regions, scene, *[one] * 9)
    assert "No style was given" in refused(regions, scene)
    rest = {**one, "mask": "rest"}
    assert "Every region takes the rest" in refused(regions, scene, rest, rest)


def test_two_layers_of_one_name(regions, scene):
    import dataclasses

    twins = (regions.Item(5, "Twin"), regions.Item(6, "Twin"))
    scene = dataclasses.replace(scene, layers=(*scene.layers, *twins))
    assert "2 layers are called “Twin”" in refused(regions, scene, {"style": "layer:Twin"})


def test_without_a_selection(regions, scene):
    import dataclasses

    scene = dataclasses.replace(scene, has_selection=False)
    for mask in ("selection", "outside"):
        message = refused(regions, scene, {"style": "layer:Night", "mask": mask})
        assert "nothing is selected" in message


@pytest.mark.parametrize("text", ["{", "5", '{"style": "x"}'])
def test_regions_that_are_no_list(regions, text):
    with pytest.raises(regions.RegionError, match=r"^regions: "):
        regions.from_json(text)


def test_nothing_is_no_regions(regions):
    assert regions.from_json("") == regions.from_json(None) == regions.from_json(" ") == ()


def test_json_there_and_back(regions):
    import job

    given = (
        job.Region("layer:#3:Night", "mask:#2:Wave", weight=2.5, style_size=0.5, name="“sky”"),
        job.Region("/a/b.jpg", "rest"),
    )
    assert regions.from_json(regions.to_json(given)) == given
    assert "weight" not in json.loads(regions.to_json(given))[1]


def test_prepared_layers_are_offered_at_once(regions, scene):
    offered = regions.default_regions(scene)
    assert [(each.style, each.mask) for each in offered] == [("layer:#2:Wave", "mask:#2:Wave")]


def test_layers_that_scumble_made_are_not_offered(regions, scene):
    import dataclasses

    layers = [dataclasses.replace(layer, ours=True) for layer in scene.layers]
    scene = dataclasses.replace(scene, layers=tuple(layers))
    assert [each.mask for each in regions.default_regions(scene)] == ["selection"]
    scene = dataclasses.replace(scene, has_selection=False)
    assert [each.mask for each in regions.default_regions(scene)] == [""]


def test_last_times_regions_follow_the_image(regions, scene):
    import dataclasses

    import job

    plain = dataclasses.replace(scene, layers=scene.layers[::2])
    whole = (job.Region("layer:Night", weight=3.0),)
    night = job.Region("layer:#3:Night", "selection", weight=3.0)
    assert regions.adapt(whole, plain)[0] == night
    bare = dataclasses.replace(plain, has_selection=False)
    assert regions.adapt((job.Region("layer:Night", "selection"),), bare)[0].mask == ""
    gone = (job.Region("layer:Gone"), job.Region("layer:Night", "rest"))
    assert regions.adapt(gone, plain) == regions.default_regions(plain)
    assert regions.adapt(whole, scene) == regions.default_regions(scene)


def test_a_region_that_covers_nothing_is_named_with_numbers(regions):
    error = regions.covers_nothing("sky", regions.Source("selection"), 3072, "Photo")
    assert str(error) == (
        "The region “sky” covers 0 of the 3,072 pixels of the layer “Photo”: its mask, the "
        "selection, is empty there. Choose another mask for it, or leave the region out."
    )


@pytest.mark.parametrize(
    "words, kind",
    [
        ("selection", "selection"),
        ("outside", "outside"),
        ("channel:Sky", "channel"),
        ("mask:#2:Wave", "mask"),
        ("alpha:Photo", "alpha"),
        ("grey:Night", "grey"),
    ],
)
def test_what_is_kept_is_found_by_the_words_of_masks(regions, scene, words, kind):
    assert regions.kept(words, scene).kind == kind


def test_nothing_is_kept_unless_asked_for(regions, scene):
    assert regions.kept("", scene) is None


def test_a_picture_says_what_is_kept(regions, scene, tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(b"")
    assert regions.kept(str(path), scene).path == str(path)


@pytest.mark.parametrize(
    "words, phrase",
    [
        ("rest", "Protect: “rest” is what the regions' masks leave"),
        ("channel:Land", "Protect: there is no channel called “Land” here."),
        ("mask:Night", "Protect: the layer “Night” has no layer mask."),
        ("/no/face.png", "Protect: the mask /no/face.png is not there"),
    ],
)
def test_what_cannot_be_kept_is_said(regions, scene, words, phrase):
    with pytest.raises(regions.RegionError) as caught:
        regions.kept(words, scene)
    assert str(caught.value).startswith(phrase)


def test_what_was_kept_last_time_is_kept_if_it_is_there(regions, scene):
    assert regions.still_kept("channel:Sky", scene) == "channel:#7:Sky"
    assert regions.still_kept("channel:#99:Sky", scene) == "channel:#7:Sky"
    assert regions.still_kept("channel:Land", scene) == ""
    assert regions.still_kept("selection", scene) == "selection"
    assert regions.still_kept("", scene) == ""


def test_keeping_what_is_empty_is_refused_with_numbers(regions):
    error = regions.keeps_nothing(regions.Source("selection"), 3072, "Photo")
    assert str(error) == (
        "Protect covers 0 of the 3,072 pixels of the layer “Photo”: its mask, the selection, is "
        "empty there. Choose another mask for it, or protect nothing."
    )
