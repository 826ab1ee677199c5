"""A command with a screen of its own, such as GIMP with checks of the plug-in's windows.

The command may begin with a session bus, over which a screen reader listens.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main(command: list[str]) -> int:
    theirs, ours = os.pipe()[::-1]
    screen = ["Xvfb", "-noreset", "-displayfd", str(theirs), "-screen", "0", "1280x960x24"]
    server = subprocess.Popen(screen, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    try:
        os.environ["DISPLAY"] = ":" + os.read(ours, 10).decode().strip()
        if command[0] != "dbus-run-session":
            os.environ["NO_AT_BRIDGE"] = "1"
        return subprocess.run(command, timeout=250).returncode
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
