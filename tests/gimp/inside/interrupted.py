"""Interrupted paintings: the engine is killed, and the filter continues from the saved state."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any, Callable

import arguments
import earlier_results
import engine_process
import gimp_run
import interrupted_runs
import kit
import parasites
import placing
import refusals
import run_requests
from fingerprint import Fingerprint
from gi.repository import Gegl, Gimp, Gio

from engine import job

SAVE_WITHIN = 60.0

SAVES_OFTEN = """
while [ "$1" != engine ]; do shift; done
shift
exec {python} -I -u -X utf8 -c 'import runpy, engine.states.keeper
engine.states.keeper.END_SECONDS = 0.0
runpy.run_module("engine", run_name="__main__", alter_sys=True)' "$@"
"""
"""The engine, which saves at the end of every scale, however short."""


def saving() -> Any:
    script = SAVES_OFTEN.format(python=refusals.real_python())
    return refusals.engine(python=refusals.script("saves-often", script))


def options(**more: Any) -> dict[str, Any]:
    config = Gimp.get_pdb().lookup_procedure("plug-in-scumble").create_config()
    return {**arguments.read(config), "size": 0, "scales": 2, "iterations": 4, **more}


def bytes_of(layer: Any) -> bytes:
    area = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    return layer.get_buffer().get(area, 1.0, "R'G'B'A float", Gegl.AbyssPolicy.NONE)


def kill_after_a_save(request: Any) -> None:
    """Start a run, and kill its engine as soon as it has saved its state."""
    run = gimp_run.GimpRun(request)
    try:
        last = time.monotonic() + SAVE_WITHIN
        while (run.engine.next_event(0.5) or {}).get("type") != "saved":
            assert time.monotonic() < last, "nothing was saved"
        os.kill(run.engine._process.pid, signal.SIGKILL)
        failed = ""
        try:
            gimp_run.follow(run)
        except engine_process.EngineError as error:
            failed = str(error)
        assert "The engine was killed" in failed, failed
    finally:
        run.engine.close()


def leave_one(path: str) -> None:
    """Leave an interrupted painting of the layer in an XCF file."""
    file = Gio.File.new_for_path(path)
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    (layer,) = image.get_layers()
    regions = (job.Region(style=str(kit.picture()), name="波"),)
    with saving():
        kill_after_a_save(run_requests.Request(image, layer, options(iterations=8), regions))
    assert found(layer) is not None


def found(layer: Any) -> Any:
    location = engine_process.read_location(gimp_run.HERE)
    return interrupted_runs.find(location, lambda: Fingerprint.of(layer).digest())


def finish(run: Any) -> Any:
    try:
        finished = run.build(gimp_run.follow(run))
    finally:
        run.engine.close()
    assert found(run.request.content) is not None, "kept until the painting is in the image"
    return placing.deliver([finished])


def scene() -> tuple[Any, Any, Any]:
    image, layer = kit.opaque_photo()
    layer.set_name("Große 波")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 20, 2, 30, 30)
    regions = (
        job.Region(style=str(kit.picture()), mask="selection", name="é"),
        job.Region(style=str(kit.picture()), mask="rest"),
    )
    return image, layer, run_requests.Request(image, layer, options(), regions)


def check_an_interrupted_painting_ends_as_an_undisturbed_one() -> None:
    """The same pixels, name, settings and masks, also in another image of the same pixels."""
    image, layer, request = scene()
    (undisturbed,) = finish(gimp_run.GimpRun(request)).layers
    wanted = bytes_of(undisturbed)
    assert found(layer) is None
    kill_after_a_save(request)
    file = Gio.File.new_for_path(str(kit.TMP / "interrupted.xcf"))
    image.remove_layer(undisturbed)
    Gimp.Selection.none(image)
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    opened = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    (again,) = opened.get_layers()
    state = found(again)
    assert state is not None
    assert state.origin["name"] == "Große 波"
    target = earlier_results.Target(again)
    run = gimp_run.GimpRun(run_requests.of_interrupted(opened, target, state), interrupted=state)
    (resumed,) = finish(run).layers
    assert bytes_of(resumed) == wanted
    assert resumed.get_name().startswith("é + style ("), resumed.get_name()
    assert earlier_results.target_of(opened, resumed) == earlier_results.Target(again, resumed)
    carried = json.loads(parasites.settings_of(resumed))
    assert carried["options"]["iterations"] == 4
    assert resumed.get_parasite("scumble-mask-1") is not None
    assert found(again) is None, "the state of a finished painting is deleted"


def check_a_cancelled_painting_is_not_offered() -> None:
    _, layer, request = scene()
    run = gimp_run.GimpRun(request)
    try:
        last = time.monotonic() + SAVE_WITHIN
        while (run.engine.next_event(0.5) or {}).get("type") != "saved":
            assert time.monotonic() < last, "nothing was saved"
        run.engine.forget()
    finally:
        run.engine.close()
    assert found(layer) is None


def check_an_interrupted_painting_can_be_discarded() -> None:
    _, layer, request = scene()
    kill_after_a_save(request)
    state = found(layer)
    interrupted_runs.forget(engine_process.read_location(gimp_run.HERE), state.name)
    assert found(layer) is None


def saving_often(check: Callable[[], None]) -> Callable[[], None]:
    def checked() -> None:
        with saving():
            check()

    return checked


CHECKS = {
    name[len("check_") :].replace("_", " "): saving_often(check)
    for name, check in list(globals().items())
    if name.startswith("check_")
}
