"""Failures of the filter: what happened, what to do, and nothing lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kit
from gi.repository import Gegl, Gimp, Gio
from kit import names, photo

CALLING, EXECUTION = Gimp.PDBStatusType.CALLING_ERROR, Gimp.PDBStatusType.EXECUTION_ERROR


def refused(image: Any, layers: list, status: Any, *phrases: str, **arguments: Any) -> str:
    """The filter must fail with this status and with a message that has these phrases."""
    arguments.setdefault("iterations", 1)
    before = names(image.get_layers()) if image else []
    got, _, message = kit.call(image, layers, **arguments)
    assert got == status, (got, message)
    for phrase in phrases:
        assert phrase in message, message
    assert "Traceback" not in message, message
    assert (names(image.get_layers()) if image else []) == before
    assert not kit.leftovers(), kit.leftovers()
    return message


def check_wrong_layers() -> None:
    image, layer = photo()
    other = kit.add_layer(image, "Other")
    style = {"style": kit.style_file()}
    refused(image, [], CALLING, "Select the layer to paint first", **style)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    refused(image, [mask], CALLING, "A layer mask is selected. Click the layer itself", **style)
    channel = Gimp.Channel.new(image, "Sky", 90, 70, 50.0, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    refused(
        image,
        [channel],
        CALLING,
        "“Sky” is a channel and cannot be painted. Select a layer",
        **style,
    )
    tiny = kit.add_layer(image, "Tiny", size=(15, 40))
    message = "The layer “Tiny” is 15x40 pixels; at least 16x16 are needed."
    refused(image, [tiny], CALLING, message, **style)
    empty = Gimp.Layer.new(
        image, "Empty", 40, 40, Gimp.ImageType.RGBA_IMAGE, 100.0, other.get_mode()
    )
    image.insert_layer(empty, None, 0)
    refused(image, [empty], CALLING, "The layer “Empty” is completely transparent", **style)


def check_wrong_regions() -> None:
    image, layer = photo()
    refused(image, [layer], CALLING, "No style was given")
    gone = Gio.File.new_for_path("/nowhere/waves.jpg")
    refused(image, [layer], CALLING, "/nowhere/waves.jpg does not exist", style=gone)

    def with_regions(
        *phrases: str, text: str = "", regions: list | None = None, **more: Any
    ) -> None:
        text = text or json.dumps(regions)
        refused(image, [layer], CALLING, *phrases, regions=text, **more)

    with_regions("this is not JSON", text="waves")
    with_regions("'color' is unknown; a region has style, mask", regions=[{"color": 1}])
    with_regions("regions[1].weight: -1 is out of range", regions=[kit.region(weight=-1)])
    with_regions("nothing is selected", regions=[kit.region(mask="selection")])
    with_regions("there is no channel called “Sky”", regions=[kit.region(mask="channel:Sky")])
    with_regions("there is no layer called “Wave”", regions=[kit.region("layer:Wave")])
    with_regions("has no layer mask", regions=[kit.region(mask="mask:Photo")])
    with_regions("9 regions are given; up to 8", regions=[kit.region()] * 9)
    with_regions("Give one of them", regions=[kit.region()], style=kit.style_file())
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 80, 60, 5, 5)
    with_regions(
        "The region “sky” covers 0 of the 3,072 pixels of the layer “Photo”",
        regions=[kit.region(mask="selection", name="sky")],
    )
    with_regions(
        "content_layers", "'conv9_9' is not one of",
        regions=[kit.region()], content_layers="conv9_9",
    )  # fmt: skip


def check_wrong_protect() -> None:
    image, layer = photo()
    style = {"style": kit.style_file()}
    refused(image, [layer], CALLING, "Protect uses the selection, but nothing is selected",
            protect="selection", **style)  # fmt: skip
    refused(image, [layer], CALLING, "Protect: “rest” is not possible",
            protect="rest", **style)  # fmt: skip
    refused(image, [layer], CALLING, "Protect: there is no channel called “Face”",
            protect="channel:Face", **style)  # fmt: skip
    refused(image, [layer], CALLING, "Protect: the mask /nowhere/face.png does not exist",
            protect="/nowhere/face.png", **style)  # fmt: skip
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 80, 60, 5, 5)
    refused(
        image, [layer], CALLING, "Protect covers 0 of the 3,072 pixels of the layer “Photo”",
        protect="selection", mask=layer, **style,
    )  # fmt: skip


def check_not_a_picture() -> None:
    """Faults that only the engine finds are reported in its words, with the log."""
    image, layer = photo()
    path = kit.TMP / "words.jpg"
    style = Gio.File.new_for_path(str(path))
    path.write_text("no picture")
    refused(image, [layer], CALLING, "“words.jpg” is not a picture that GIMP can open", style=style)
    path.write_bytes(b"\xff\xd8\xff\xe0no picture")
    message = refused(image, [layer], EXECUTION, "words.jpg", style=style)
    assert_log(message)


def assert_log(message: str) -> None:
    """The message's last line names a log that is there."""
    last = message.strip().splitlines()[-1]
    assert last.startswith("The log is "), message
    assert Path(last[len("The log is ") :]).is_file(), message


@contextmanager
def engine(**changes: Any) -> Iterator[None]:
    """Change where the plug-in finds its engine, for a while."""
    path = kit.PLUGIN / "engine.json"
    text = path.read_text()
    try:
        path.write_text(json.dumps({**json.loads(text), **changes}))
        yield
    finally:
        path.write_text(text)


def script(name: str, text: str) -> str:
    """Write a program that stands for a broken engine."""
    path = kit.TMP / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def real_python() -> str:
    home = json.loads((kit.PLUGIN / "engine.json").read_text())["home"]
    return home + "/env/bin/python"


HELLO = """echo '{"type": "hello"}'\n"""


def check_engine_missing() -> None:
    image, layer = photo()
    style = {"style": kit.style_file()}
    again = "Run Scumble's install.py again"
    path = kit.PLUGIN / "engine.json"
    text = path.read_text()
    path.unlink()
    try:
        refused(image, [layer], EXECUTION, "is not set up", again, **style)
        path.write_text("{")
        refused(image, [layer], EXECUTION, "missing or damaged", again, **style)
    finally:
        path.write_text(text)
    with engine(python="/nowhere/python"):
        refused(image, [layer], EXECUTION, "/nowhere/python does not exist", again, **style)


def check_engine_broken() -> None:
    """An environment that does not start, crashes, is killed, or says nonsense."""
    image, layer = photo()
    style = {"style": kit.style_file()}
    broken = {
        "no-engine": ("echo 'No module named engine' >&2; exit 1", "No module named engine"),
        "cannot-run": ("exit 126", "did not start (exit code 126)"),
        "killed": (HELLO + "kill -9 $$", "memory ran out"),
        "crashed": (HELLO + "kill -11 $$", "crashed (signal 11)"),
        "ended": (
            HELLO + "echo 'so long' >&2; exit 3",
            "ended unexpectedly (exit code 3): so long",
        ),
        "no-result": (HELLO + """echo '{"type": "done", "files": []}'; cat""", "without a picture"),
        "cut-off": (
            HELLO + """read begin; echo 12345678901234567890 > $8/result.npy\n"""
            """echo '{"type": "done", "files": ["result.npy"]}'; cat""",
            "picture is damaged",
        ),
    }
    for name, (text, phrase) in broken.items():
        with engine(python=script(name, text)):
            assert_log(refused(image, [layer], EXECUTION, phrase, **style))


def check_model_missing() -> None:
    image, layer = photo()
    empty = kit.TMP / "empty-home"
    empty.mkdir(exist_ok=True)
    with engine(python=real_python(), home=str(empty)):
        message = refused(image, [layer], EXECUTION, "install.py", style=kit.style_file())
    assert_log(message)


def check_out_of_memory() -> None:
    image = kit.new_image()
    layer = kit.add_layer(image, "Photo")
    layer.scale(1200, 900, False)
    limited = script("limited", f'ulimit -v 1500000\nexec {real_python()} "$@"\n')
    with engine(python=limited):
        message = refused(image, [layer], EXECUTION, "memory", style=kit.style_file(), size=0)
    assert_log(message)


def check_clean_environment() -> None:
    """Variables that a bundle such as AppImage sets do not reach the engine."""
    image, layer = photo()
    kept = kit.TMP / "variables"
    watched = script("watched", f'env > {kept}\nexec {real_python()} "$@"\n')
    os.environ["PYTHONHOME_OF_TEST"] = "x"
    with engine(python=watched):
        kit.paint(image, layer, style=kit.style_file())
    lines = kept.read_text().splitlines()
    hosts = ("PYTHON", "LD_", "GI_", "GTK_", "GIO_", "GEGL_", "BABL_", "GIMP3_")
    assert not [line for line in lines if line.startswith(hosts)], lines
    assert any(line.startswith("SCUMBLE_HOME=/") for line in lines)


CHECKS = {
    name[len("check_") :].replace("_", " "): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
