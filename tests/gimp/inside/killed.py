"""The plug-in is killed while the engine paints; run beside GIMP, not in it.

Prints how long the engine and the run's folder were still there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TMP = Path(os.environ["TMPDIR"])
PLUGIN = f"{Path.home()}/.config/GIMP/{sys.argv[1]}/plug-ins/scumble/scumble.py"
SCRIPT = """
import sys
sys.path.insert(0, {inside!r})
import kit
image = kit.new_image()
layer = kit.add_layer(image, "Photo")
print(kit.call(image, [layer], style=kit.style_file(), iterations=10_000))
"""


def processes(pattern: str) -> list[int]:
    """Return the numbers of processes with such a command line."""
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout
    return [int(each) for each in found.split()]


def main(version: str, inside: str) -> None:
    flags = ["-idf", "--batch-interpreter=python-fu-eval", "-b", "-", "--quit"]
    gimp = subprocess.Popen(
        [f"gimp-console-{version}", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert gimp.stdin is not None
    gimp.stdin.write(SCRIPT.format(inside=inside).encode())
    gimp.stdin.close()
    last = time.monotonic() + 60
    while not list(TMP.glob("scumble-run-*/preview-*.png")):
        assert time.monotonic() < last, "the engine does not paint"
        time.sleep(0.02)
    engine = f"m engine worker {TMP}/scumble-run-"
    plugins, engines = processes(PLUGIN), processes(engine)
    assert len(plugins) == len(engines) == 1, (plugins, engines)
    os.kill(plugins[0], signal.SIGKILL)
    began = time.monotonic()
    while processes(engine) or any(TMP.glob("scumble-run-*")):
        assert time.monotonic() < began + 2, "something is left after 2 s"
        time.sleep(0.01)
    print(f"GONE {time.monotonic() - began:.2f}")
    gimp.wait(30)


if __name__ == "__main__":
    main(*sys.argv[1:])
