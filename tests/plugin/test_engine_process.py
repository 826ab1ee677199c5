"""The engine's process, seen from GIMP; a small script stands for the engine."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from engine.engine_location import EngineLocation

ENGINE = """#!{python}
import json, os, shutil, sys, threading
folder = sys.argv[-1]
def say(kind, **fields):
    print(json.dumps({{"type": kind, **fields}}), flush=True)
def leave():
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
{body}
"""
LISTEN = """
say("hello")
for line in sys.stdin:
    if line.strip() == "stop":
        open(os.path.join(folder, "result.npy"), "wb").close()
        say("done", files=["result.npy"], masks=[None, "m.npy"], warnings=["a", "b"],
            settings={"method": "cutout"})
leave()
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that starts an engine with this code."""
    import engine_process

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    started = []

    def start(body: str, *, waits: bool = False) -> engine_process.EngineProcess:
        engine = tmp_path / "engine"
        engine.write_text(ENGINE.format(python=sys.executable, body=body))
        engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
        place = EngineLocation(str(engine), str(tmp_path / "home"), "1")
        (tmp_path / "home").mkdir(exist_ok=True)
        folder = engine_process.RunFolder()
        started.append(engine_process.EngineProcess(place, folder, waits=waits))
        return started[-1]

    yield start
    for each in started:
        each.close()


def event(running, kind: str) -> dict:
    """Wait for a message of this kind."""
    last = time.monotonic() + 60
    while time.monotonic() < last:
        found = running.next_event(0.2)
        if found and found["type"] == kind:
            return found
    pytest.fail(f"no {kind} came")


def failure(running) -> str:
    """Wait for the run's failure and return its message, which names the log."""
    import engine_process

    with pytest.raises(engine_process.EngineError) as caught:
        event(running, "done")
    message = str(caught.value)
    assert message.splitlines()[-1].startswith("The log is ")
    assert Path(message.splitlines()[-1][len("The log is ") :]).is_file()
    return message


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_stop_brings_the_result(start):
    running = start(LISTEN)
    event(running, "hello")
    running.stop()
    result = running.result(event(running, "done"))
    assert result.files == [running.run_folder / "result.npy"]
    assert result.masks == [None, running.run_folder / "m.npy"]
    assert result.method == "cutout"
    assert result.warnings == ["a", "b"]


def test_an_engine_that_waits_is_told_to_begin(start):
    body = 'say("hello", arguments=sys.argv[8:])\nsay("order", text=sys.stdin.readline())'
    running = start(body, waits=True)
    assert event(running, "hello")["arguments"] == [str(running.run_folder), "--wait"]
    running.begin()
    assert event(running, "order")["text"] == "begin\n"


def test_closing_ends_the_engine_and_removes_the_folder(start):
    running = start(LISTEN)
    event(running, "hello")
    running.close()
    assert not is_running(running._process.pid)
    assert not running.run_folder.exists()


def test_closing_ends_an_engine_that_does_not_listen(start):
    running = start('say("hello")\nimport time\ntime.sleep(1000)')
    event(running, "hello")
    running.close()
    assert not is_running(running._process.pid)
    assert not running.run_folder.exists()


def test_a_run_folder_is_no_leftover_before_its_engine_starts(start, tmp_path):
    import engine_process

    from engine.leftovers import remove_run_folders

    folder = engine_process.RunFolder()
    (folder.path / "content.npy").write_bytes(b"pixels")
    remove_run_folders([tmp_path])
    assert (folder.path / "content.npy").read_bytes() == b"pixels"
    folder.release()
    remove_run_folders([tmp_path])
    assert not folder.path.exists()


def test_the_chatter_of_libraries_is_no_message(start):
    running = start('print("warning: {not json")\nprint("[1, 2]")\nsay("hello")\n')
    assert event(running, "hello") == {"type": "hello"}


def test_an_error_comes_with_its_hint_and_log(start, tmp_path):
    log = tmp_path / "own.log"
    log.write_text("details")
    body = f'say("error", code="weights", message="No model.", hint="Get it.", log={str(log)!r})'
    message = failure(start(body))
    assert message == f"No model.\nGet it.\nThe log is {log}"


@pytest.mark.parametrize(
    "body, phrase",
    [
        ('sys.exit("No module named engine")', "did not start (exit code 1): No module named"),
        ('say("hello"); os.kill(os.getpid(), 9)', "killed, probably because memory ran out"),
        ('say("hello"); os.kill(os.getpid(), 11)', "crashed (signal 11)"),
        ('say("hello"); sys.stderr.write("so long\\n"); sys.exit(3)', "(exit code 3): so long"),
    ],
)
def test_an_engine_that_ends_says_why(start, body, phrase):
    assert phrase in failure(start(body))


def test_a_result_that_is_not_there(start):
    import engine_process

    running = start('say("done", files=["gone.npy"])\nsys.stdin.read()')
    found = event(running, "done")
    with pytest.raises(engine_process.EngineError, match="without a picture"):
        running.result(found)


def test_an_engine_of_another_version_is_refused(start):
    message = failure(start('say("hello", version="2")\nsys.stdin.read()'))
    assert "The plug-in has version 1, the engine 2." in message
    assert "Run Scumble's install.py again" in message


def test_silence_is_an_error(start, monkeypatch):
    import engine_process

    monkeypatch.setattr(engine_process, "HELLO_SECONDS", 0.1)
    assert "said nothing" in failure(start("sys.stdin.read()"))


def test_the_hosts_variables_do_not_reach_the_engine(start, monkeypatch):
    foreign: tuple[str, ...] = (
        "PYTHONHOME",
        "LD_PRELOAD",
        "GI_TYPELIB_PATH",
        "GTK_THEME",
        "GIMP3_DIRECTORY",
    )
    foreign += ("PYTHONPATH", "DYLD_INSERT_LIBRARIES", "GEGL_PATH", "BABL_PATH", "GIO_MODULE_DIR")
    for name in foreign:
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "fr")
    monkeypatch.setattr("engine.translations._State.language", "ja")  # GIMP's preferences
    running = start('say("hello", got=dict(os.environ), arguments=sys.argv[1:])')
    said = event(running, "hello")
    assert not set(foreign) & set(said["got"])
    assert said["got"]["LANG"] == "de_DE.UTF-8"
    assert said["got"]["LANGUAGE"] == "ja"
    assert said["got"]["SCUMBLE_HOME"] == str(running.log.parent.parent)
    start_ = ["-I", "-u", "-X", "utf8", "-m", "engine", "worker", str(running.run_folder)]
    assert said["arguments"] == start_


def test_old_logs_make_room(start, tmp_path):
    import engine_process

    logs = tmp_path / "home" / "logs"
    logs.mkdir(parents=True)
    for number in range(50):
        (logs / f"gimp-20200101-0000{number:02}-1.log").write_text("")
    (logs / "engine.log").write_text("")
    start('say("hello")')
    assert len(list(logs.glob("gimp-*.log"))) == engine_process.LOGS_KEPT
    assert (logs / "engine.log").exists()


def test_where_the_engine_is(tmp_path):
    import engine_process

    place = tmp_path / "engine.json"
    for text in (None, "{", "[]", '{"python": "x"}'):
        if text is not None:
            place.write_text(text)
        with pytest.raises(engine_process.EngineError, match="is not set up") as caught:
            engine_process.read_location(tmp_path)
        assert "Run Scumble's install.py again" in str(caught.value)
    place.write_text(json.dumps({"python": "/no/python", "home": "/no", "version": "1"}))
    with pytest.raises(engine_process.EngineError, match="/no/python does not exist"):
        engine_process.read_location(tmp_path)
    known = {"python": sys.executable, "home": str(tmp_path), "version": "1"}
    place.write_text(json.dumps(known))
    assert engine_process.read_location(tmp_path) == EngineLocation(**known)


def test_the_bar_never_goes_back():
    """From the first scale's analysis over the start of the second to the written result."""
    import engine_process

    stages = [("model", 1, 0, 1), ("content", 1, 0, 1), ("style", 1, 1, 1)]
    stages += [("paint", 1, step, 4) for step in range(5)]
    stages += [("enlarge", 2, tile, 3) for tile in range(1, 4)]
    stages += [("content", 2, 0, 1), ("style", 2, 1, 1), ("paint", 2, 0, 2), ("paint", 2, 2, 2)]
    stages += [("strokes", 0, 0, 1), ("write", 0, 0, 1)]
    shares = [
        engine_process.fraction(
            {"stage": stage, "scale": scale, "scales": 2, "step": step, "steps": steps}
        )
        for stage, scale, step, steps in stages
    ]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[stages.index(("enlarge", 2, 1, 3))] == pytest.approx(1 / 3)
    assert shares[-1] == 1
