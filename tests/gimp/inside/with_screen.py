"""A run of a module of checks inside GIMP, with a screen for the plug-in's windows.

The module `spoken` also has a session bus, over which a screen reader listens.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main(version: str, inside: str, module: str) -> int:
    theirs, ours = os.pipe()[::-1]
    screen = ["Xvfb", "-noreset", "-displayfd", str(theirs), "-screen", "0", "1280x960x24"]
    server = subprocess.Popen(screen, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    try:
        os.environ["DISPLAY"] = ":" + os.read(ours, 10).decode().strip()
        bus = ["dbus-run-session", "--"] if module == "spoken" else []
        if not bus:
            os.environ["NO_AT_BRIDGE"] = "1"
        script = (
            f"import sys; sys.path.insert(0, {inside!r})\n"
            f"import kit, {module}\n"
            f"kit.run_all({module}.CHECKS, kit.TMP / '{module}.json')\n"
        )
        flags = ["-idf", "--batch-interpreter=python-fu-eval", "-b", "-", "--quit"]
        gimp = [*bus, f"gimp-console-{version}", *flags]
        return subprocess.run(gimp, input=script, text=True, timeout=250).returncode
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
