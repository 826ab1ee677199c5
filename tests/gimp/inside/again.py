"""Painting again: what a result remembers, several layers at once, and further steps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Callable

import arguments
import canvas_error
import earlier_results
import gimp_run
import initial_settings
import kept_masks
import kit
import parasites
import placing
import refusals
import run_requests
import sources
from gi.repository import Gimp, Gio
from kit import HEIGHT, PLACE, WIDTH, names, photo

from engine import job

GIVING_BACK = """
run=$8
echo '{"type": "hello"}'
read begin
rm -rf "$TMPDIR/recorded"
cp -r "$run" "$TMPDIR/recorded"
echo '{"type": "progress", "stage": "paint", "step": 3, "steps": 3}'
cp "$run/content.npy" "$run/result.npy"
settings='{"method": "joint", "job": {"size": 1600}}'
echo '{"type": "done", "files": ["result.npy"], "settings": '"$settings"'}'
cat > /dev/null
rm -rf "$run"
"""
"""A stand-in for the engine that gives the content back after three steps at 1600 pixels."""


def selected_photo(name: str = "Fotó ß 波") -> tuple[Any, Any]:
    """Return an image with a layer under a feathered selection."""
    image, layer = photo()
    layer.set_name(name)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 2, 40, 30)
    Gimp.Selection.feather(image, 9)
    return image, layer


def reopened(image: Any) -> Any:
    """Return the image, saved as an XCF file and opened again."""
    file = Gio.File.new_for_path(str(kit.TMP / "again é.xcf"))
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)


def dialog_for(image: Any, layer: Any) -> tuple[Any, Any]:
    """Return the target of the dialog for a layer, and its filled-in arguments."""
    target = earlier_results.target_of(image, layer)
    again = target.result is not None
    target = initial_settings.latest_target(image, target)
    config = Gimp.get_pdb().lookup_procedure("plug-in-scumble").create_config()
    initial_settings.start_from(config, target.sources(image), target, again=again)
    return target, config


def request_of(image: Any, target: Any, config: Any, **more: Any) -> Any:
    regions = sources.regions_from_json(config.get_property("regions"))
    options = arguments.read(config)
    return run_requests.Request(image, target.content, options, regions, target.result, **more)


def paint(*requests: Any) -> Any:
    finished, failures = gimp_run.paint_each(list(requests), gimp_run.paint_quietly)
    delivery = placing.deliver(finished)
    delivery.notes.extend(failures)
    return delivery


def two_regions() -> str:
    return json.dumps([kit.region(mask="selection", name="Größe"), kit.region(mask="rest")])


def check_a_result_is_painted_again_with_its_mask() -> None:
    """From the result, after saving and opening: the photograph, and the selection as it was."""
    image, layer = selected_photo()
    kit.paint(image, layer, regions=two_regions(), strength=3.0, method="banded")
    content, mask = kit.recorded_array("content.npy"), kit.recorded_array("mask-1.npy")
    Gimp.Selection.none(image)
    opened = reopened(image)
    result, original = opened.get_layers()
    result.set_name("Renamed")
    target, config = dialog_for(opened, result)
    assert target.content == original, target.content.get_name()
    assert config.get_property("strength") == 3.0
    specs = [each.mask for each in sources.regions_from_json(config.get_property("regions"))]
    assert specs == ["kept:1", "rest"], specs
    paint(request_of(opened, target, config))
    kit.check_recorded("content.npy", content)
    assert kit.recorded_array("mask-1.npy") == mask
    top, below, last = opened.get_layers()
    assert (below, last) == (result, original), names(opened.get_layers())
    # The new result carries the mask in its turn.
    target, config = dialog_for(opened, top)
    assert target.content == original
    paint(request_of(opened, target, config))
    assert kit.recorded_array("mask-1.npy") == mask


def check_masks_of_every_precision_come_back() -> None:
    for precision in ("U8_NON_LINEAR", "U16_NON_LINEAR", "FLOAT_LINEAR", "HALF_NON_LINEAR"):
        image = kit.new_image(precision=getattr(Gimp.Precision, precision))
        layer = kit.add_layer(image, "Photo")
        image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 2, 40, 30)
        Gimp.Selection.feather(image, 9)
        channel = Gimp.Selection.save(image)
        regions = [kit.region(mask="outside"), kit.region(mask=f"channel:{channel.get_name()}")]
        new = kit.paint(
            image, layer, regions=json.dumps(regions), protect="selection", protect_strength=3.0
        )
        before = [kit.recorded_array(f"mask-{key}.npy") for key in (1, 2, "protect")]
        Gimp.Selection.none(image)
        image.remove_channel(channel)
        target, config = dialog_for(image, new)
        specs = [each.mask for each in sources.regions_from_json(config.get_property("regions"))]
        assert specs == ["kept:1", "kept:2"], specs
        assert config.get_property("protect") == "kept:protect"
        paint(request_of(image, target, config))
        after = [kit.recorded_array(f"mask-{key}.npy") for key in (1, 2, "protect")]
        for (shape, values), (shape_before, wanted) in zip(after, before):
            assert shape == shape_before
            assert max(abs(a - b) for a, b in zip(values, wanted)) < 1e-6, precision


def check_a_mask_follows_its_layer() -> None:
    """The layer was moved or scaled since; a cropped one is refused in plain words."""
    image, layer = selected_photo()
    new = kit.paint(image, layer, regions=two_regions())
    mask = kit.recorded_array("mask-1.npy")
    Gimp.Selection.none(image)
    layer.set_offsets(3, 4)
    target, config = dialog_for(image, new)
    paint(request_of(image, target, config))
    assert kit.recorded_array("mask-1.npy") == mask
    layer.scale(2 * WIDTH, 2 * HEIGHT, False)
    paint(request_of(image, target, config))
    shape, values = kit.recorded_array("mask-1.npy")
    assert shape == (2 * HEIGHT, 2 * WIDTH), shape
    worst = max(
        abs(values[2 * y * 2 * WIDTH + 2 * x] - mask[1][y * WIDTH + x])
        for y in range(HEIGHT)
        for x in range(WIDTH)
    )
    assert worst < 0.1, worst
    layer.resize(WIDTH, 2 * HEIGHT, 0, 0)
    said = ""
    try:
        paint(request_of(image, target, config))
    except canvas_error.CanvasError as error:
        said = str(error)
    assert "has another shape than when it was painted" in said, said


def check_a_group_is_painted_again_with_its_layer_masks() -> None:
    """The user may have painted on them; a layer of the group stands for the group."""
    image, layer = selected_photo()
    regions = json.dumps(
        [kit.region(mask="selection", name="A"), kit.region(mask="rest", name="B")]
    )
    group = kit.paint(image, layer, regions=regions, method="stitch", uncut=True)
    first = group.get_children()[0]
    Gimp.Selection.none(image)
    for chosen in (group, first):
        target, config = dialog_for(image, chosen)
        assert (target.content, target.result) == (layer, group)
        found = sources.regions_from_json(config.get_property("regions"))
        assert found[0].mask == f"mask:#{first.get_id()}:A", found
        assert found[1].mask == "rest", found


def check_the_photograph_remembers_its_latest_result() -> None:
    """Without a selection the earlier masks are used, with a new one it is."""
    image, layer = selected_photo()
    kit.paint(image, layer, regions=two_regions(), strength=5.0)
    latest = kit.paint(image, layer, regions=two_regions(), strength=6.0)
    for masks in (["selection", "rest"], ["kept:1", "rest"]):
        target, config = dialog_for(image, layer)
        assert (target.content, target.result) == (layer, latest)
        assert config.get_property("strength") == 6.0
        regions = sources.regions_from_json(config.get_property("regions"))
        assert [each.mask for each in regions] == masks
        assert [each.style for each in regions] == [str(kit.picture())] * 2
        Gimp.Selection.none(image)


def check_a_result_without_its_layer_is_painted_itself() -> None:
    image, layer = selected_photo()
    new = kit.paint(image, layer, regions=two_regions())
    image.remove_layer(layer)
    assert earlier_results.target_of(image, new) == earlier_results.Target(new)


def check_results_lie_above_each_other_or_are_replaced() -> None:
    """One undo step either way."""
    image, layer = photo()
    kit.add_layer(image, "Over")
    first = kit.paint(image, layer, style=kit.style_file())
    second = kit.paint(image, layer, style=kit.style_file())
    assert image.get_layers()[1:] == [second, first, layer], names(image.get_layers())
    target, config = dialog_for(image, first)
    image.clean_all()
    (third,) = paint(request_of(image, target, config, replaces=True)).layers
    assert image.get_layers()[1:] == [second, third, layer], names(image.get_layers())
    assert image.get_selected_layers() == [third]
    assert image.is_dirty()


def check_a_translucent_result_counts_once() -> None:
    """The photograph and every earlier result are hidden, and a sentence says so."""
    image, layer = photo()
    layer.set_opacity(60.0)
    first = kit.paint(image, layer, style=kit.style_file())
    assert [each.get_visible() for each in image.get_layers()] == [True, False]
    target, config = dialog_for(image, layer)
    delivery = paint(request_of(image, target, config))
    assert [each.get_visible() for each in image.get_layers()] == [True, False, False]
    assert any(first.get_name() in note for note in delivery.notes), delivery.notes


def check_going_on_starts_from_the_painting() -> None:
    """The content is the photograph, the start the painting, at the same size and steps."""
    image, layer = photo()
    new = kit.paint(
        image, layer, style=kit.style_file(), size=1600, scales=2, iterations=3, strength=20.0
    )
    content = kit.recorded_array("content.npy")
    target, config = dialog_for(image, new)
    config.set_property("iterations", 77)
    delivery = paint(request_of(image, target, config, goes_on=True, replaces=True))
    asked = kit.recorded_job()
    wanted = ("picture", "start.npy", 1, 3, 1600)
    assert (
        *(asked["init"], asked["init_picture"], asked["scales"]),
        *(asked["iterations"], asked["size"]),
    ) == wanted, asked
    kit.check_recorded("content.npy", content)
    assert kit.recorded_array("start.npy")[0] == (HEIGHT, WIDTH, 4)
    assert not new.is_valid(), "the earlier result is replaced"
    assert image.get_layers() == [*delivery.layers, layer]
    values, _ = arguments.from_text(parasites.settings_of(delivery.layers[0]))
    assert (values["init"], values["scales"], values["iterations"]) == ("auto", 2, 77)
    assert earlier_results.painted(delivery.layers[0]) == {"size": 1600, "steps": 3}


def check_further_steps_are_further() -> None:
    """More after 4 steps has a smaller loss than 4 steps, and starts where they ended."""
    image, layer = kit.opaque_photo()
    new = kit.paint(image, layer, style=kit.style_file(), size=0, scales=1, iterations=4)
    losses = []
    before = [kit.pixel(new, *at)[:3] for at in kit.samples(7)]
    request = run_requests.Request(
        image, layer, {**default_options(), "iterations": 4, "scales": 1, "size": 0},
        (job.Region(style=str(kit.picture())),),
    )  # fmt: skip
    for goes_on in (False, True):
        run = gimp_run.GimpRun(dataclasses.replace(request, result=new, goes_on=goes_on))
        try:
            losses.append(gimp_run.follow(run).about["loss"])
        finally:
            run.engine.close()
    assert losses[1] < 0.98 * losses[0], losses
    _, start = kit.recorded_array("start.npy")
    for (x, y), wanted in zip(kit.samples(7), before):
        for plane in range(3):
            kit.near(start[4 * (y * WIDTH + x) + plane], wanted[plane], 1e-6, f"{x},{y}")


def default_options() -> dict[str, Any]:
    return arguments.read(Gimp.get_pdb().lookup_procedure("plug-in-scumble").create_config())


def check_more_asks_for_the_same_masks() -> None:
    """Also when the selection has changed meanwhile; a result that was undone is left out."""
    image, layer = selected_photo()
    new = kit.paint(image, layer, regions=two_regions(), protect="selection")
    mask = kit.recorded_array("mask-1.npy")
    regions = sources.regions_from_json(two_regions())
    options = {**default_options(), "iterations": 1, "protect": "selection"}
    request = run_requests.Request(image, layer, options, regions)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, *PLACE, 10, 70)
    (more,) = run_requests.for_more([request], [new])
    assert (more.content, more.result, more.goes_on, more.replaces) == (layer, new, True, True)
    paint(more)
    assert kit.recorded_array("mask-1.npy") == mask
    assert kit.recorded_array("mask-protect.npy") == mask
    assert not new.is_valid()
    assert run_requests.for_more([request], [new]) == []


def check_several_layers() -> None:
    """Each is painted on the same selection, as one undo step; one that fails is reported."""
    image, first = selected_photo("ß")
    tiny = kit.add_layer(image, "Winzig 波", size=(15, 40))
    second = kit.add_layer(image, "é", place=(0, 0), size=(70, 60))
    image.clean_all()
    regions = json.dumps([kit.region(mask="selection")])
    arguments_ = {"regions": regions, "iterations": 1}
    status, _, message = kit.call(image, [first, tiny, second], **arguments_)
    assert status == Gimp.PDBStatusType.SUCCESS, message
    layers = image.get_layers()
    assert len(layers) == 5, names(layers)
    above = {each: layers[layers.index(each) - 1] for each in (first, second)}
    for content, result in above.items():
        assert earlier_results.content_of(image, result) == content
        assert result.get_offsets()[1:] == content.get_offsets()[1:]
    assert set(image.get_selected_layers()) == set(above.values())
    assert kept_masks.carried(above[first])[0].name == "1"
    shape, values = kit.recorded_array("mask-1.npy")
    assert shape == (60, 70), shape
    kit.near(values[20 * 70 + 40], kit.selected(image, 40, 20), 1e-6, "the selection's place")
    assert not kit.leftovers()
    wanted = [
        run_requests.Request(image, each, default_options(), sources.regions_from_json(regions))
        for each in (tiny, first)
    ]
    quick = [dataclasses.replace(e, options={**e.options, "iterations": 1}) for e in wanted]
    notes = paint(*quick).notes
    assert any("“Winzig 波” was not painted" in note and "15x40" in note for note in notes), notes
    status, _, message = kit.call(image, [tiny, tiny], **arguments_)
    assert "at least 16x16 are needed" in message, message


def check_each_layers_own_mask() -> None:
    image, first = photo()
    second = kit.add_layer(image, "Second")
    kit.add_layer(image, "Without")
    masks = []
    for layer, left in ((first, 20), (second, 40)):
        image.select_rectangle(Gimp.ChannelOps.REPLACE, left, 0, 12, 60)
        layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
        layer.set_edit_mask(False)
    Gimp.Selection.none(image)
    regions = (job.Region(style=str(kit.picture()), mask="own"),)
    for layer in (first, second):
        paint(run_requests.Request(image, layer, {**default_options(), "iterations": 1}, regions))
        masks.append(kit.recorded_array("mask-1.npy")[1])
    for left, mask in zip((20, 40), masks):
        row = mask[20 * WIDTH : 21 * WIDTH]
        covered = [x for x, value in enumerate(row) if value > 0.5]
        assert covered == list(range(left - PLACE[0], left - PLACE[0] + 12)), covered
    without = image.get_layers()[0]
    assert without.get_name() == "Without"
    status, _, message = kit.call(
        image, [without], regions=json.dumps([kit.region(mask="own")]), iterations=1
    )
    assert status == Gimp.PDBStatusType.CALLING_ERROR
    assert "the layer “Without” has no layer mask of its own" in message, message


def check_repeat_last_on_a_result_paints_the_photograph() -> None:
    image, layer = photo()
    mode = {"run-mode": Gimp.RunMode.WITH_LAST_VALS}
    last = Path(Gimp.directory()) / "plug-in-settings"
    # The checks with windows have left it.
    (last / "GimpProcedureConfigRun-plug-in-scumble.last").unlink(missing_ok=True)
    new = kit.paint(image, layer, style=kit.style_file())
    content = kit.recorded_array("content.npy")
    again = kit.paint(image, new, style=kit.style_file(), **mode)
    kit.check_recorded("content.npy", content)
    assert image.get_layers() == [again, new, layer], names(image.get_layers())


WITH_ENGINE = (
    check_a_group_is_painted_again_with_its_layer_masks,
    check_further_steps_are_further,
)
"""The checks whose pictures must be painted; the others need only what the engine receives."""


def with_stand_in(check: Callable[[], None]) -> Callable[[], None]:
    def checked() -> None:
        with refusals.engine(python=refusals.script("giving-back", GIVING_BACK)):
            check()

    return check if check in WITH_ENGINE else checked


CHECKS = {
    name[len("check_") :].replace("_", " "): with_stand_in(check)
    for name, check in list(globals().items())
    if name.startswith("check_")
}
