"""Nothing is lost: names with any letter, and failures after the engine has finished."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import arguments
import canvas
import earlier_results
import engine_process
import gimp_run
import image_items
import initial_settings
import kit
import painting_files
import parasites
import placing
import png
import refusals
import result_layers
import run_requests
import sources
from gi.repository import Gimp, Gio
from kit import names, photo

from engine import job

NAMES = ("ß", "é", "波", "🎨", "\"double\" and 'single'", "two\nlines", "x" * 200)

COPYING = """
run=$8
echo '{"type": "hello"}'
read begin
cp "$run/content.npy" "$run/result.npy"
echo '{"type": "done", "files": ["result.npy"]}'
cat > /dev/null
rm -rf "$run"
"""
"""A stand-in for the engine that gives the content back."""


def check_names_with_any_letter() -> None:
    """In a folder, a file, a layer, a channel, an image and a region."""
    for name in NAMES:
        folder = kit.TMP / name
        folder.mkdir(exist_ok=True)
        style = folder / f"{name}.png"
        style.write_bytes(kit.picture().read_bytes())
        image, layer = photo()
        layer.set_name(name)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
        channel = Gimp.Selection.save(image)
        channel.set_name(name)
        other = kit.new_image()
        kit.add_layer(other, name)
        far = Gio.File.new_for_path(str(folder / f"{name}.xcf"))
        assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, other, far, None)
        regions = [
            kit.region(style, f"channel:{name}", name=name),
            kit.region(f"layer:#{other.get_layers()[0].get_id()}", "rest"),
        ]
        new = kit.paint(image, layer, regions=json.dumps(regions), protect=f"channel:{name}")
        assert names(image.get_layers()) == [new.get_name(), name], name
        assert "\n" not in new.get_name(), new.get_name()
        _, carried = arguments.from_text(parasites.settings_of(new))
        assert json.loads(carried) == regions, carried
        kept = kit.TMP / "names.xcf"
        file = Gio.File.new_for_path(str(kept))
        assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
        opened = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
        again = opened.get_layers()[0]
        assert parasites.settings_of(again) == parasites.settings_of(new)
        config = Gimp.get_pdb().lookup_procedure("plug-in-scumble").create_config()
        available = image_items.available_sources(image, new)
        initial_settings.keep(new, parasites.settings_of(new))
        initial_settings.start_from(config, available, earlier_results.Target(new))
        initial_settings.forget()
        found = sources.regions_from_json(config.get_property("regions"))
        assert found[0].style == str(style), found
        assert found[0].name == name, found


def check_a_file_name_that_is_no_text() -> None:
    """On Linux a name may hold any bytes."""
    path = kit.TMP / b"Gr\xfc\xdfe.png".decode("utf-8", "surrogateescape")
    path.write_bytes(kit.picture().read_bytes())
    image, layer = photo()
    new = kit.paint(image, layer, style=Gio.File.new_for_path(str(path)))
    assert new.get_name().startswith("Gr??e ("), new.get_name()
    _, carried = arguments.from_text(parasites.settings_of(new))
    assert json.loads(carried)[0]["style"] == str(path)


@contextmanager
def finishing() -> Iterator[tuple[gimp_run.GimpRun, Any]]:
    """Yield a run whose engine has just finished, on an image without changes."""
    image, layer = kit.opaque_photo()
    image.clean_all()
    options = arguments.read(Gimp.get_pdb().lookup_procedure("plug-in-scumble").create_config())
    region = job.Region(style=str(kit.picture()))
    with refusals.engine(python=refusals.script("copying", COPYING)):
        run = gimp_run.GimpRun(run_requests.Request(image, layer, options, (region,)))
    try:
        yield run, gimp_run.follow(run)
    finally:
        run.engine.close()


def finish(run: gimp_run.GimpRun, done: Any) -> placing.Delivery:
    """Put a finished painting into its image, as the filter does."""
    return placing.deliver([run.build(done)])


def fail(*_: Any, **__: Any) -> Any:
    message = "Value 195 not in range -128 to 127"
    raise OverflowError(message)


def refuse(*_: Any, **__: Any) -> Any:
    raise OSError(28, "No space left on device")


def check_settings_never_cost_a_painting() -> None:
    for module, function in ((parasites, "attach_settings"), (arguments, "to_text")):
        with finishing() as (run, done), patch.object(module, function, fail):
            delivery = finish(run, done)
        assert len(delivery.layers) == 1
        assert names(run.request.image.get_layers())[1:] == ["Photo"]
        assert any("settings" in note for note in delivery.notes), delivery.notes


def check_whatever_fails_the_painting_is_saved() -> None:
    """By GIMP where it can, else without it; the image is as it was."""
    failures: tuple[tuple[str, tuple[tuple[Any, str, Any], ...]], ...] = (
        (".xcf", ((placing, "place", fail),)),
        (".xcf", ((placing, "is_there", lambda *_: False),)),
        (".xcf", ((Gimp.Image, "insert_layer", insert_into_built_only),)),
        (".png", ((canvas, "write_into", fail),)),
        (".png", ((placing, "place", fail), (Gimp, "file_save", lambda *_: False))),
        (".png", ((result_layers, "format_of", fail), (painting_files, "save", refuse))),
        (".npy", ((canvas, "write_into", fail), (png, "write", refuse))),
    )
    for extension, patches in failures:
        with finishing() as (run, done), ExitStack() as stack:
            for owner, name, broken in patches:
                stack.enter_context(patch.object(owner, name, broken))
            delivery = finish(run, done)
        image = run.request.image
        assert names(image.get_layers()) == ["Photo"], extension
        assert not image.is_dirty(), "an undo step without a change"
        assert delivery.layers == []
        path = Path(delivery.notes[-1].partition(" The painting was saved as ")[2])
        assert path.is_absolute(), delivery.notes
        assert path.suffix == extension, delivery.notes
        assert_saved(path, run.request.content)
        path.unlink()


REAL_INSERT = Gimp.Image.insert_layer


def insert_into_built_only(image: Any, *rest: Any) -> bool:
    """Refuse to insert a layer into an image that has one already."""
    return not image.get_layers() and REAL_INSERT(image, *rest)


def assert_saved(path: Path, content: Any) -> None:
    """The file holds the picture, which is the content's."""
    if path.suffix == ".npy":
        assert kit.npy.shape_of(path) == (kit.HEIGHT, kit.WIDTH, 4)
        return
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(path)))
    (layer,) = image.get_layers()
    assert (image.get_width(), image.get_height()) == (kit.WIDTH, kit.HEIGHT)
    for at in kit.samples(7):
        for shown, desired in zip(kit.pixel(layer, *at), kit.pixel(content, *at)):
            kit.near(shown * 255, desired * 255, 1.01, f"{path.suffix} {at}")
    image.delete()


def check_a_failure_of_everything_is_said() -> None:
    with finishing() as (run, done), ExitStack() as stack:
        stack.enter_context(patch.object(canvas, "write_into", fail))
        stack.enter_context(patch.object(png, "write", refuse))
        stack.enter_context(patch.object(Path, "replace", refuse))
        said = ""
        try:
            finish(run, done)
        except engine_process.EngineError as error:
            said = str(error)
        assert "cannot be saved: [Errno 28] No space left on device" in said, said


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
