"""Results of the filter in the image, and calls by scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kit
from gi.repository import Gegl, Gimp, Gio
from kit import HEIGHT, PLACE, WIDTH, names, photo


def bytes_of(layer: Any) -> bytes:
    area = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    return layer.get_buffer().get(area, 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE)


def check_new_layer() -> None:
    """One layer right above the content, in its group, with its place, size and mask."""
    image = kit.new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    layer = kit.add_layer(image, "Photo", parent=group)
    kit.add_layer(image, "Over", parent=group)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 2, 40, 30)
    Gimp.Selection.feather(image, 9)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    before = bytes_of(layer)
    new = kit.paint(image, layer, style=kit.style_file(), strength=3.0, method="joint")
    assert names(group.get_children()) == ["Over", "style (flowing, strength 3)", "Photo"]
    assert names(image.get_layers()) == ["Group"]
    assert new.get_offsets()[1:] == PLACE
    assert (new.get_width(), new.get_height()) == (WIDTH, HEIGHT)
    assert bytes_of(layer) == before
    assert image.get_selected_layers() == [new]
    for x, y in kit.samples(11):
        mask = kit.pixel(new.get_mask(), x, y, "Y float")[0]
        kit.near(mask, kit.pixel(layer.get_mask(), x, y, "Y float")[0], 1e-3, "mask")
    assert not Gimp.Selection.is_empty(image)
    assert image.undo_is_enabled()


def check_pinned_keeps_the_rest() -> None:
    """Outside a hard selection the method pinned leaves every pixel as it was."""
    image, layer = photo()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, PLACE[0], 0, 30, 70)
    new = kit.paint(
        image, layer, style=kit.style_file(), method="pinned", size=0, iterations=4, strength=30.0
    )
    changed = 0.0
    for x, y in kit.samples(3):
        was, now = kit.pixel(layer, x, y), kit.pixel(new, x, y)
        if x >= 30 or y < -PLACE[1]:
            for plane in range(4):
                kit.near(now[plane] * 255, was[plane] * 255, 1.01, f"{x},{y}")
        elif was[3] > 0.5:
            changed += sum(abs(a - b) for a, b in zip(was, now))
    assert changed > 1.0, changed


def check_parasite() -> None:
    """A result carries its settings, and they can be read again."""
    import arguments
    import parasites

    image, layer = photo()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 40, 30)
    regions = [kit.region(mask="selection", name="here"), kit.region(mask="rest", weight=2.0)]
    text = json.dumps(regions)
    new = kit.paint(image, layer, regions=text, strength=2.5, seed=4_000_000_000, smoothing=3.0)
    carried = parasites.settings_of(new)
    values, again = arguments.from_text(carried)
    assert values["strength"] == 2.5
    assert values["method"] == "auto"
    assert json.loads(carried)["method"] == "cutout"
    assert new.get_name() == "here + style (automatic: cut out, strength 2.5)"
    assert values["seed"] == 4_000_000_000
    assert values["smoothing"] == 3.0
    assert json.loads(again) == regions
    job = kit.recorded_job()
    assert job["seed"] == 4_000_000_000
    assert [each["mask"] for each in job["regions"]] == ["mask-1.npy", "rest"]
    file = Gio.File.new_for_path(str(kit.TMP / "kept.xcf"))
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    opened = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    kept = opened.get_layer_by_name(new.get_name()).get_parasite("scumble-settings")
    assert parasites.parasite_text(kept) == carried


def check_start_from_settings() -> None:
    """Run on a result, the dialog starts from what the result carries."""
    import image_items
    import initial_settings
    import sources
    from earlier_results import Target

    image, layer = photo()
    new = kit.paint(image, layer, style=kit.style_file(), strength=7.0, method="banded")
    config = Gimp.get_pdb().lookup_procedure("plug-in-scumble").create_config()
    scene = image_items.available_sources(image, new)
    initial_settings.start_from(config, scene, Target(layer, new))
    assert config.get_property("strength") == 7.0
    assert config.get_property("method") == "banded"
    assert sources.regions_from_json(config.get_property("regions"))[0].style == str(kit.picture())


def check_start_from_what_was_not_finished() -> None:
    """On its own layer it goes before all else, elsewhere it takes the place of last time's."""
    import arguments
    import image_items
    import initial_settings
    import sources
    from earlier_results import target_of

    image, layer = photo()
    carrying = kit.paint(image, layer, style=kit.style_file(), strength=7.0)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    other = kit.new_image()
    plain = kit.add_layer(other, "Plain")

    def start(layer_: Any) -> tuple[float, list[str]]:
        config = Gimp.get_pdb().lookup_procedure("plug-in-scumble").create_config()
        config.set_property("style", kit.style_file())
        scene_image = layer_.get_image()
        scene = image_items.available_sources(scene_image, layer_)
        initial_settings.start_from(config, scene, target_of(scene_image, layer_))
        masks = [each.mask for each in sources.regions_from_json(config.get_property("regions"))]
        return config.get_property("strength"), masks

    assert start(layer)[0] == 1.0
    wished = json.dumps([kit.region(mask="selection"), kit.region(mask="rest")])
    text = arguments.to_text({"strength": 3.0}, wished, "")
    initial_settings.keep(layer, text)
    assert start(layer) == (3.0, ["selection", "rest"])
    assert start(carrying)[0] == 7.0
    assert start(plain)[0] == 3.0
    initial_settings.keep(carrying, text)
    assert start(carrying) == (3.0, ["selection", "rest"])
    initial_settings.forget()
    assert start(layer)[0] == 1.0
    assert start(carrying)[0] == 7.0


def check_prepared_layers() -> None:
    """Layers with masks are styles with regions at once; results of ours are not."""
    image, layer = photo()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    painting = kit.add_layer(image, "Painting", size=(80, 60), place=(2, 1))
    painting.add_mask(painting.create_mask(Gimp.AddMaskType.SELECTION))
    painting.set_visible(False)
    kit.paint(image, layer, method="stitch")
    kit.paint(image, layer)
    job = kit.recorded_job()
    assert [each["name"] for each in job["regions"]] == ["Painting"]
    assert kit.recorded_array("style-1.npy")[0] == (60, 80, 4)


def check_simple_mask() -> None:
    """The simple case takes a channel, a layer mask, the selection or a gray layer."""
    image, layer = photo()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    channel = Gimp.Selection.save(image)
    gray = kit.add_layer(image, "Gray", alpha=True)
    gray.add_mask(gray.create_mask(Gimp.AddMaskType.SELECTION))
    for mask in (channel, gray.get_mask(), image.get_selection(), gray, None):
        kit.paint(image, layer, style=kit.style_file(), mask=mask)
        shape, values = kit.recorded_array("mask-1.npy")
        assert shape[:2] == (HEIGHT, WIDTH)
        if mask is gray:
            x, y = 20, 20
            color = kit.pixel(gray, x, y, "Y'A float")
            at = 2 * (y * WIDTH + x)
            kit.near(values[at], color[0], 1e-3, "gray")
            kit.near(values[at + 1], color[1], 1e-3, "alpha")
        else:
            assert values[20 * WIDTH + 20] == 1.0
            assert values[20 * WIDTH + 60] == 0.0


def check_mask_file() -> None:
    """A gray picture is a mask, and becomes a layer mask where layers with masks are wanted."""
    image, layer = kit.opaque_photo()
    regions = json.dumps([kit.region(mask=str(kit.picture()))])
    kit.paint(image, layer, regions=regions)
    assert kit.recorded_job()["regions"][0]["mask"] == str(kit.picture())
    masked = kit.paint(image, layer, regions=regions, method="stitch", uncut=True)
    mask = masked.get_mask()
    values = [kit.pixel(mask, x, y, "Y float")[0] for x, y in kit.samples(7)]
    assert min(values) < 0.6 < 0.9 < max(values), (min(values), max(values))


def check_protect() -> None:
    """The protected part takes the words of masks, and reaches the engine as a mask does."""
    import parasites

    image, layer = photo()
    masked = kit.add_layer(image, "Masked", size=(50, 40), place=(5, 3))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 2, 40, 40)
    Gimp.Selection.feather(image, 10)
    channel = Gimp.Selection.save(image)
    channel.set_name("Face")
    masked.add_mask(masked.create_mask(Gimp.AddMaskType.SELECTION))
    inside = {at: kit.selected(image, at[0] + PLACE[0], at[1] + PLACE[1]) for at in kit.samples()}
    options = {"style": kit.style_file(), "mask": channel}
    for words in ("selection", "outside", "channel:Face", "mask:Masked"):
        kit.paint(image, layer, protect=words, protect_strength=80.0, **options)
        job = kit.recorded_job()
        assert (job["protect"], job["protect_strength"]) == ("mask-protect.npy", 80.0)
        shape, values = kit.recorded_array("mask-protect.npy")
        assert shape == (HEIGHT, WIDTH), shape
        for (x, y), selected in inside.items():
            if words == "mask:Masked" and not (x < 42 and y >= 12):
                selected = 0.0
            desired = 1 - selected if words == "outside" else selected
            on_canvas = y >= -PLACE[1]
            if on_canvas:
                kit.near(values[y * WIDTH + x], desired, 0.003, f"{words} {x},{y}")
    kit.paint(image, layer, protect="alpha:Masked", **options)
    assert kit.recorded_job()["protect"] == "mask-protect.npy"
    new = kit.paint(image, layer, protect=str(kit.picture()), **options)
    assert kit.recorded_job()["protect"] == str(kit.picture())
    carried = json.loads(parasites.settings_of(new))
    assert carried["options"]["protect"] == str(kit.picture())
    kit.paint(image, layer, **options)
    assert kit.recorded_job()["protect"] == ""


def check_report() -> None:
    """The folder for the report reaches the engine; without matplotlib GIMP says how to get it."""
    image, layer = photo()
    folder = kit.TMP / "a report"
    report = Gio.File.new_for_path(str(folder))
    style = {"style": kit.style_file(), "iterations": 1}
    status, _, message = kit.call(image, [layer], report=report, **style)
    assert kit.recorded_job()["report"] == str(folder)
    if status == Gimp.PDBStatusType.SUCCESS:
        assert any(folder.iterdir())
    else:
        assert "'python3 install.py --plots'" in message, message
    kit.paint(image, layer, style=kit.style_file())
    assert kit.recorded_job()["report"] == ""


def check_last_values() -> None:
    """Run with the last values, what the last dialog had counts, from an older Scumble too."""
    image, layer = photo()
    last = Path(Gimp.directory()) / "plug-in-settings"
    file = last / "GimpProcedureConfigRun-plug-in-scumble.last"
    file.unlink(missing_ok=True)  # which the checks with windows have left
    mode = {"run-mode": Gimp.RunMode.WITH_LAST_VALS}
    kit.paint(image, layer, style=kit.style_file(), iterations=2, strength=4.0, **mode)
    job = kit.recorded_job()
    assert (job["iterations"], job["strength"]) == (2, 4.0)
    regions = json.dumps(json.dumps([kit.region(mask="rest")]), ensure_ascii=False)
    last.mkdir(exist_ok=True)
    file.write_text(f"(regions {regions})\n(iterations 3)\n(strength 7)\n", encoding="utf-8")
    try:
        kit.paint(image, layer, iterations=1, strength=4.0, **mode)
    finally:
        file.unlink()
    job = kit.recorded_job()
    assert (job["iterations"], job["strength"]) == (3, 7.0), job
    assert (job["protect"], job["report"], job["method"]) == ("", "", "auto"), job
    assert job["regions"][0]["mask"] == "rest"


def check_style_of_another_image() -> None:
    image, layer = photo()
    other = kit.new_image(Gimp.ImageBaseType.GRAY)
    kit.add_layer(other, "Far away", alpha=False, size=(40, 30))
    kit.paint(image, layer, regions=json.dumps([kit.region("layer:Far away")]))
    assert kit.recorded_array("style-1.npy")[0] == (30, 40, 4)


def check_script_fu() -> None:
    """Script-Fu calls it with named arguments."""
    image, layer = photo()
    script = f"""
        (let* ((result (plug-in-scumble #:run-mode RUN-NONINTERACTIVE #:image {image.get_id()}
                          #:drawables (vector {layer.get_id()}) #:style "{kit.picture()}"
                          #:strength 4 #:iterations 1 #:method "banded")))
          (gimp-item-set-name (car result) "From a script"))
    """
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
    config = procedure.create_config()
    config.set_property("script", script)
    values = procedure.run(config)
    assert values.index(0) == Gimp.PDBStatusType.SUCCESS, Gimp.get_pdb().get_last_error()
    assert names(image.get_layers()) == ["From a script", "Photo"]


def check_script_fu_gets_all_layers() -> None:
    """The second value is an array of the painted layers, for one layer and for a group."""
    image, layer = kit.opaque_photo()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    regions = json.dumps([kit.region(mask="selection"), kit.region(mask="rest")])
    script = f"""
        (let* ((paint (lambda (method)
                 (cadr (plug-in-scumble #:run-mode RUN-NONINTERACTIVE #:image {image.get_id()}
                          #:uncut TRUE
                          #:drawables (vector {layer.get_id()}) #:regions {json.dumps(regions)}
                          #:iterations 1 #:method method))))
               (one (paint "joint"))
               (two (paint "stitch")))
          (gimp-item-set-name (vector-ref one 0) (number->string (vector-length one)))
          (gimp-item-set-name (vector-ref two 0) "upper")
          (gimp-item-set-name (vector-ref two 1) (number->string (vector-length two))))
    """
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
    config = procedure.create_config()
    config.set_property("script", script)
    values = procedure.run(config)
    assert values.index(0) == Gimp.PDBStatusType.SUCCESS, Gimp.get_pdb().get_last_error()
    group, one, _ = image.get_layers()
    assert one.get_name() == "1", one.get_name()
    assert names(group.get_children()) == ["upper", "2"]


def check_python_gets_all_layers() -> None:
    image, layer = kit.opaque_photo()
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble")
    regions = json.dumps([kit.region(mask="selection"), kit.region(mask="rest")])
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    for method in ("joint", "stitch", "cutout"):
        config = procedure.create_config()
        config.set_property("image", image)
        config.set_core_object_array("drawables", [layer])
        config.set_property("regions", regions)
        config.set_property("iterations", 1)
        config.set_property("method", method)
        config.set_property("uncut", True)
        values = procedure.run(config)
        made = values.index(1)
        assert made.is_group() == (method != "joint")
        painted = made.get_children() if made.is_group() else [made]
        assert values.get_core_object_array(2) == painted, values.get_core_object_array(2)


def check_saved_aside() -> None:
    """A result whose image is gone becomes a file, with masks, settings and precision."""
    import npy
    import painting_files
    import result_layers

    path = kit.TMP / "aside.npy"
    path.write_bytes(npy.header((HEIGHT, WIDTH, 4)) + b"\0\0\0\x3f" * (4 * WIDTH * HEIGHT))
    parts = tuple(result_layers.MaskedPicture(name, path, None) for name in "AB")
    painting = result_layers.FinishedPainting("A/B: both", '{"x": 1}', path, parts=parts)
    base, precision = Gimp.ImageBaseType.RGB, Gimp.Precision.U16_NON_LINEAR
    built, notes = result_layers.build(painting, result_layers.ImageFormat(base, precision, None))
    assert not notes, notes
    file = painting_files.save(built, painting.name)
    assert file.is_file()
    assert file.parent == Path.home(), file
    built.delete()
    opened = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(file)))
    assert opened.get_precision() == Gimp.Precision.U16_NON_LINEAR
    group = opened.get_layers()[0]
    assert names(group.get_children()) == ["A", "B"]
    kit.near(kit.pixel(group.get_children()[0], 3, 3)[0], 0.5, 1e-4, "color")
    assert group.get_parasite("scumble-settings")
    opened.delete()
    file.unlink()


def check_gone() -> None:
    """A deleted layer and a closed image are noticed before the result is put in."""
    import image_items

    image, layer = photo()
    assert image_items.is_there(image, layer)
    image.remove_layer(layer)
    assert not image_items.is_there(image, layer)
    image, layer = photo()
    image.delete()
    assert not image_items.is_there(image, layer)


def check_arguments() -> None:
    """Every option of a job is an argument with the contract's help, range and default."""
    import arguments
    import labels

    from engine import job

    procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble")
    found = {each.name: each for each in procedure.get_arguments()}
    for described in labels.options():
        given = found[arguments.property_name(described.name)]
        assert given.blurb == labels.help_of(described), given.name
        assert given.nick == labels.label(described), given.name
        if described.metadata["low"] is not None:
            assert given.minimum == described.metadata["low"], given.name
            assert given.maximum == described.metadata["high"], given.name
        if described.metadata["kind"] not in arguments.FILE_KINDS:
            default = "" if given.default_value is None else given.default_value
            assert default == arguments.default_of(described), given.name
    config = procedure.create_config()
    assert arguments.read(config) == {
        **{each.name: getattr(job.Job(), each.name) for each in labels.options()},
        "content_layers": job.Job().content_layers,
    }


def saved(image: Any, name: str) -> str:
    """Save an image in a format that the engine does not read; return the path."""
    path = str(kit.TMP / name)
    file = Gio.File.new_for_path(path)
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    return path


def check_files_that_only_gimp_reads() -> None:
    """A style and masks of any format are handed to the engine as GIMP shows them."""
    style, gray = kit.new_image(), kit.new_image(Gimp.ImageBaseType.GRAY)
    color = kit.add_layer(style, "Color", alpha=False)
    mask = kit.add_layer(gray, "Mask", alpha=False)
    image, layer = photo()
    path = saved(gray, "mask.xcf")
    regions = json.dumps([{"style": saved(style, "style.xcf"), "mask": path, "style_mask": path}])
    kit.paint(image, layer, regions=regions, protect=path)
    width, height = kit.CANVAS
    shape, given = kit.recorded_array("style-1.npy")
    assert shape == (height, width, 4)
    grays = {}
    for name in ("mask-1.npy", "style_mask-1.npy", "mask-protect.npy"):
        assert kit.recorded_array(name)[0] == (height, width, 2), name
        grays[name] = kit.recorded_array(name)[1]
    for x, y in ((0, 9), (20, 20), (50, 30)):
        at = (y + PLACE[1]) * width + x + PLACE[0]
        for plane, value in enumerate(kit.pixel(color, x, y)[:3]):
            kit.near(given[4 * at + plane], value, 0.005, "style")
        for name, values in grays.items():
            kit.near(values[2 * at], kit.pixel(mask, x, y, "Y' float")[0], 0.005, name)
    bad = kit.TMP / "words.psd"
    bad.write_text("no picture")
    status, _, message = kit.call(image, [layer], style=Gio.File.new_for_path(str(bad)))
    assert status == Gimp.PDBStatusType.CALLING_ERROR
    assert message.startswith("“words.psd” is not a picture that GIMP can open."), message


def check_a_painting_by_its_name() -> None:
    image, layer = photo()
    new = kit.paint(image, layer, regions=json.dumps([{"style": "hiroshige-prawn"}]))
    assert kit.recorded_job()["regions"][0]["style"] == "hiroshige-prawn"
    assert new.get_name().startswith("Horse-mackerel and Prawn ("), new.get_name()


def check_a_look_for_scripts() -> None:
    """It sets what the script leaves at its default, and nothing else."""
    image, layer = photo()
    kit.paint(image, layer, style=kit.style_file(), look="paper", strength=3.0, size=2000)
    job = kit.recorded_job()
    assert (job["method"], job["scales"], job["size"], job["strength"]) == ("joint", 1, 2000, 3.0)
    kit.paint(image, layer, style=kit.style_file(), size=2000)
    assert kit.recorded_job()["method"] == "auto"


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
