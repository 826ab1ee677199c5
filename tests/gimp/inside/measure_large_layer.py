"""Time and memory of the plug-in on a large layer; run beside GIMP, not in it.

A stand-in for the engine gives the content back at once, so that what remains is the plug-in's.
Prints one JSON object: seconds and bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

TMP = Path(os.environ["TMPDIR"])
WIDTH, HEIGHT = 4000, 3000
"""Of the layer that scenes.make_large saves."""

STAND_IN = """#!/usr/bin/python3
import json, os, shutil, sys, time
folder = sys.argv[8]
print(json.dumps({"type": "hello"}), flush=True)
sys.stdin.readline()  # the command to begin
began = time.time()
shutil.copy(folder + "/content.npy", folder + "/result.npy")
print(json.dumps({"type": "done", "files": ["result.npy"]}), flush=True)
open(os.environ["TMPDIR"] + "/engine-times", "w").write(f"{began} {time.time()}")
sys.stdin.read()
shutil.rmtree(folder)
"""
SCRIPT = """
import json, sys, time
sys.path.insert(0, {inside!r})
import kit, scenes
from gi.repository import Gimp
place = kit.PLUGIN / "engine.json"
text = place.read_text()
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, scenes.file_of("large"))
(layer,) = image.get_layers()
place.write_text(json.dumps({{**json.loads(text), "python": {stand_in!r}}}))
try:
    began = time.time()
    status, made, message = kit.call(image, [layer], style=kit.style_file())
    took = time.time() - began
finally:
    place.write_text(text)
assert made is not None, message
(kit.TMP / "call-time").write_text(str(took))
"""


def main(version: str, inside: str) -> None:
    stand_in = TMP / "stand-in"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    flags = ["-idf", "--batch-interpreter=python-fu-eval", "-b", "-", "--quit"]
    command = [f"gimp-console-{version}", *flags]
    text = SCRIPT.format(inside=inside, stand_in=str(stand_in))
    with (TMP / "gimp.log").open("w") as log:
        gimp = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    assert gimp.stdin is not None
    gimp.stdin.write(text.encode())
    gimp.stdin.close()
    first, most = 0, 0
    while gimp.poll() is None:
        peak = peak_memory()
        first = first or peak
        most = max(most, peak)
        time.sleep(0.02)
    took = float((TMP / "call-time").read_text())
    began, ended = map(float, (TMP / "engine-times").read_text().split())
    layer = 4 * WIDTH * HEIGHT
    seen = {
        "seconds beside the engine": round(took - (ended - began), 2),
        "peak memory, bytes": most,
        "copies of the 8-bit layer, all told": round(most / layer, 1),
    }
    print("SEEN " + json.dumps(seen))


def peak_memory() -> int:
    """Return the largest memory of the plug-in's process so far, shared libraries included."""
    most = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"plug-ins/scumble/scumble.py\0" not in (folder / "cmdline").read_bytes():
                continue
            lines = (folder / "status").read_text().splitlines()
        except OSError:
            continue  # it has just ended
        found = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        most = max([most, *(1024 * int(each) for each in found)])
    return most


if __name__ == "__main__":
    main(*sys.argv[1:])
