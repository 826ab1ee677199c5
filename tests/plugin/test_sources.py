from __future__ import annotations

import json

import pytest

CONTENT, WAVE, NIGHT = range(1, 4)


@pytest.fixture
def sources():
    import sources

    return sources


@pytest.fixture
def available(sources):
    """A photograph below two paintings, one of them with a mask, and a channel."""
    photo = sources.Item(CONTENT, "Photo", has_alpha=True)
    wave = sources.Item(WAVE, "Wave", has_mask=True, has_alpha=True)
    night = sources.Item(NIGHT, "Night")
    far = sources.Item(9, "Night", image="other.xcf")
    channels = (sources.Item(7, "Sky"), sources.Item(8, "Sea"))
    return sources.Sources(photo, (night, wave, photo), channels, (far,), has_selection=True)


def resolved(sources, available, *given):
    return sources.resolve(sources.regions_from_json(json.dumps(given)), available)


def refused(sources, available, *given):
    with pytest.raises(sources.RegionError) as caught:
        resolved(sources, available, *given)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(
    "mask, kind, words",
    [
        ("", "", "the whole layer"),
        ("selection", "selection", "the selection"),
        ("outside", "outside", "everything outside the selection"),
        ("rest", "rest", "the rest"),
        ("channel:Sky", "channel", "the channel “Sky”"),
        ("channel:#8", "channel", "the channel “Sea”"),
        ("mask:Wave", "mask", "the mask of the layer “Wave”"),
        ("mask:#2:Wave", "mask", "the mask of the layer “Wave”"),
        ("mask:#99:Wave", "mask", "the mask of the layer “Wave”"),
        ("alpha:Photo", "alpha", "the opacity of the layer “Photo”"),
        ("gray:Night", "gray", "the brightness of “Night”"),
        ("grey:Night", "gray", "the brightness of “Night”"),
    ],
)
def test_a_mask_in_words_is_resolved_to_its_item(sources, available, mask, kind, words):
    (region,) = resolved(sources, available, {"style": "layer:Night", "mask": mask})
    assert region.mask.kind == kind
    assert region.mask.description == words
    assert region.style.item.number == NIGHT
    assert region.name == "Night"


def test_a_number_that_now_is_another_item_gives_way_to_the_name(sources, available):
    (region,) = resolved(sources, available, {"style": "layer:#1:Night"})
    assert region.style.item.number == NIGHT


def test_a_layer_of_this_image_comes_before_one_elsewhere(sources, available):
    (region,) = resolved(sources, available, {"style": "layer:Night"})
    assert region.style.item.number == NIGHT
    (region,) = resolved(sources, available, {"style": "layer:#9"})
    assert region.style.item.image == "other.xcf"


def test_files_by_path_and_by_uri(sources, available, tmp_path):
    path = tmp_path / "grün & blau.jpg"
    path.write_bytes(b"")
    for text in (str(path), path.as_uri()):
        (region,) = resolved(sources, available, {"style": text, "mask": text})
        assert region.style.path == str(path)
        assert region.mask.kind == "file"
        assert region.name == "grün & blau"


@pytest.mark.parametrize(
    "region, phrase",
    [
        ({}, "Region 1 has no style yet"),
        ({"style": "layer:Sea"}, "there is no layer called “Sea”"),
        ({"style": "layer:#77"}, "there is no layer number 77"),
        ({"style": "/no/such.jpg"}, "/no/such.jpg does not exist"),
        ({"style": "layer:Night", "mask": "/no/mask.png"}, "the mask /no/mask.png does not exist"),
        ({"style": "layer:Night", "mask": "mask:Night"}, "“Night” has no layer mask"),
        ({"style": "layer:Night", "mask": "alpha:Night"}, "“Night” has no alpha channel"),
        ({"style": "layer:Night", "mask": "channel:Land"}, "no channel called “Land”"),
        ({"style": "layer:Night", "strength": 2}, "'strength' is unknown; a region has style"),
        ({"style": "layer:Night", "style_size": 9}, "regions[1].style_size: 9 is out of range"),
        ({"style": 5}, "regions[1].style: 5 is not a text"),
        ("layer:Night", "an object with fields such as 'style'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(sources, available, region, phrase):
    assert phrase in refused(sources, available, region)


def test_no_region_nine_regions_and_two_rests_are_refused(sources, available):
    one = {"style": "layer:Night"}
    assert "9 regions are given; up to 8" in refused(sources, available, *[one] * 9)
    assert "No style was given" in refused(sources, available)
    rest = {**one, "mask": "rest"}
    assert "Every region goes on the rest" in refused(sources, available, rest, rest)


def test_two_layers_of_one_name(sources, available):
    import dataclasses

    twins = (sources.Item(5, "Twin"), sources.Item(6, "Twin"))
    available = dataclasses.replace(available, layers=(*available.layers, *twins))
    assert "2 layers are called “Twin”" in refused(sources, available, {"style": "layer:Twin"})


def test_masks_of_a_selection_are_refused_where_nothing_is_selected(sources, available):
    import dataclasses

    available = dataclasses.replace(available, has_selection=False)
    for mask in ("selection", "outside"):
        message = refused(sources, available, {"style": "layer:Night", "mask": mask})
        assert "nothing is selected" in message


@pytest.mark.parametrize("text", ["{", "5", '{"style": "x"}'])
def test_regions_that_are_no_list(sources, text):
    with pytest.raises(sources.RegionError, match=r"^regions: "):
        sources.regions_from_json(text)


def test_no_text_is_no_regions(sources):
    for text in ("", None, " "):
        assert sources.regions_from_json(text) == ()


def test_json_there_and_back(sources):
    from engine import job

    given = (
        job.Region("layer:#3:Night", "mask:#2:Wave", weight=2.5, style_size=0.5, name="“sky”"),
        job.Region("/a/b.jpg", "rest"),
    )
    assert sources.regions_from_json(sources.regions_to_json(given)) == given
    assert "weight" not in json.loads(sources.regions_to_json(given))[1]


def test_prepared_layers_are_offered_at_once(sources, available):
    offered = sources.default_regions(available)
    assert [(each.style, each.mask) for each in offered] == [("layer:#2:Wave", "mask:#2:Wave")]


def test_layers_that_scumble_made_are_not_offered(sources, available):
    import dataclasses

    layers = [dataclasses.replace(layer, ours=True) for layer in available.layers]
    available = dataclasses.replace(available, layers=tuple(layers))
    assert [each.mask for each in sources.default_regions(available)] == ["selection"]
    available = dataclasses.replace(available, has_selection=False)
    assert [each.mask for each in sources.default_regions(available)] == [""]


def test_last_times_regions_follow_the_image(sources, available):
    import dataclasses

    from engine import job

    plain = dataclasses.replace(available, layers=available.layers[::2])
    whole = (job.Region("layer:Night", weight=3.0),)
    night = job.Region("layer:#3:Night", "selection", weight=3.0)
    assert sources.adapt(whole, plain)[0] == night
    bare = dataclasses.replace(plain, has_selection=False)
    assert sources.adapt((job.Region("layer:Night", "selection"),), bare)[0].mask == ""
    gone = (job.Region("layer:Gone"), job.Region("layer:Night", "rest"))
    assert sources.adapt(gone, plain) == sources.default_regions(plain)
    assert sources.adapt(whole, available) == sources.default_regions(available)


def test_a_region_that_covers_nothing_is_named_with_numbers(sources):
    error = sources.covers_nothing("sky", sources.Source("selection"), 3072, "Photo")
    assert str(error) == (
        "The region “sky” covers 0 of the 3,072 pixels of the layer “Photo”, because the "
        "selection is empty there. Choose another mask, or remove the region."
    )


@pytest.mark.parametrize(
    "spec, kind",
    [
        ("selection", "selection"),
        ("outside", "outside"),
        ("channel:Sky", "channel"),
        ("mask:#2:Wave", "mask"),
        ("alpha:Photo", "alpha"),
        ("gray:Night", "gray"),
        ("grey:Night", "gray"),
    ],
)
def test_a_protected_part_is_named_like_a_mask(sources, available, spec, kind):
    assert sources.resolve_protected(spec, available).kind == kind


def test_nothing_is_protected_by_default(sources, available):
    assert sources.resolve_protected("", available) is None


def test_a_picture_file_can_protect(sources, available, tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(b"")
    assert sources.resolve_protected(str(path), available).path == str(path)


@pytest.mark.parametrize(
    "spec, phrase",
    [
        ("rest", "Protect: “rest” is not possible"),
        ("channel:Land", "Protect: there is no channel called “Land” here."),
        ("mask:Night", "Protect: the layer “Night” has no layer mask."),
        ("/no/face.png", "Protect: the mask /no/face.png does not exist"),
    ],
)
def test_what_cannot_protect_is_refused(sources, available, spec, phrase):
    with pytest.raises(sources.RegionError) as caught:
        sources.resolve_protected(spec, available)
    assert str(caught.value).startswith(phrase)


def test_the_last_protected_part_is_used_if_it_exists(sources, available):
    assert sources.still_protected("channel:Sky", available) == "channel:#7:Sky"
    assert sources.still_protected("channel:#99:Sky", available) == "channel:#7:Sky"
    assert sources.still_protected("channel:Land", available) == ""
    assert sources.still_protected("selection", available) == "selection"
    assert sources.still_protected("", available) == ""


def test_an_empty_protected_part_is_refused_with_numbers(sources):
    error = sources.protects_nothing(sources.Source("selection"), 3072, "Photo")
    assert str(error) == (
        "Protect covers 0 of the 3,072 pixels of the layer “Photo”, because the selection is empty "
        "there. Choose another mask, or protect nothing."
    )


@pytest.mark.parametrize(
    "text, shown",
    [
        ("Große Welle 波 🎨", "Große Welle 波 🎨"),
        ("two\nlines\tand a tab ", "two lines and a tab"),
        (b"Gr\xfc\xdfe".decode("utf-8", "surrogateescape"), "Gr??e"),
    ],
)
def test_names_are_shown_in_one_line(sources, text, shown):
    assert sources.one_line(text) == shown


def test_regions_are_written_in_ascii(sources):
    from engine import job

    given = (job.Region("/图片/波.png", "channel:ß", name="\udcfc 🎨"),)
    text = sources.regions_to_json(given)
    assert text.isascii()
    assert sources.regions_from_json(text) == given


@pytest.fixture
def with_kept(sources, available):
    """The masks of an earlier result on top of what else there is."""
    import dataclasses

    kept = tuple(sources.Item(40, key) for key in ("1", "2", "protect"))
    return dataclasses.replace(available, kept=kept)


@pytest.mark.parametrize(
    "spec, on_result, on_photo",
    [
        ("selection", "kept:1", "selection"),
        ("outside", "kept:1", "outside"),
        ("channel:#99:Sky", "channel:#7:Sky", "channel:#7:Sky"),
        ("channel:#99:Gone", "kept:1", "kept:1"),
        ("mask:Gone", "kept:1", "kept:1"),
        ("kept:1", "kept:1", "kept:1"),
        ("rest", "rest", "rest"),
        ("", "", ""),
    ],
)
def test_a_result_is_taken_up_with_its_own_masks(sources, with_kept, spec, on_result, on_photo):
    import dataclasses

    from engine import job

    for selected, expected in ((False, on_result), (True, on_photo)):
        regions = (job.Region("/a.png", spec),)
        # Nothing is kept of a mask that is not in the image.
        items = with_kept.kept if spec not in ("rest", "") else ()
        available = dataclasses.replace(with_kept, kept=items)
        made, protect = sources.taken_up(regions, "", available, selected=selected)
        assert (made[0].mask, protect) == (expected, "")


def test_without_a_selection_the_photograph_has_the_earlier_masks(sources, with_kept):
    import dataclasses

    from engine import job

    none = dataclasses.replace(with_kept, has_selection=False)
    regions = (job.Region("/a.png", "selection"), job.Region("/b.png", "outside"))
    made, protect = sources.taken_up(regions, "selection", none, selected=True)
    assert [each.mask for each in made] == ["kept:1", "kept:2"]
    assert protect == "kept:protect"


def test_a_kept_mask_is_found_only_where_it_is_kept(sources, available, with_kept):
    from engine import job

    found = sources.resolve((job.Region(__file__, "kept:2"),), with_kept)[0].mask
    assert (found.kind, found.item.number, found.item.name) == ("kept", 40, "2")
    assert found.reference == "kept:2"
    assert found.description == "the mask of the earlier result"
    with pytest.raises(sources.RegionError, match="uses a mask that this layer does not carry"):
        sources.resolve((job.Region(__file__, "kept:3"),), with_kept)
    # On a photograph without results, the last run's style goes on the selection.
    import dataclasses

    plain = dataclasses.replace(available, layers=(available.content,))
    assert [each.mask for each in sources.adapt((job.Region(__file__, "kept:2"),), plain)] == [
        "selection"
    ]


def test_own_is_the_mask_of_the_painted_layer(sources, available):
    import dataclasses

    from engine import job

    region = (job.Region(__file__, "own"),)
    masked = dataclasses.replace(available.content, has_mask=True)
    found = sources.resolve(region, dataclasses.replace(available, content=masked))[0].mask
    assert (found.kind, found.item) == ("mask", masked)
    plain = dataclasses.replace(available.content, has_mask=False)
    with pytest.raises(sources.RegionError, match="has no layer mask of its own"):
        sources.resolve(region, dataclasses.replace(available, content=plain))
