"""GIMP with windows, driven by keyboard and mouse; run beside GIMP, not in it.

Prints one JSON object: what was measured and seen. An assertion that fails ends it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

TMP = Path(os.environ["TMPDIR"])
PATIENCE = 120.0
DIALOG, WATCH = "^Neural Style$", "^Neural Style: painting$"
MAIN = "GIMP$"
CANCEL_BUTTON = ("990", "862")
"""In the status bar, with the main window as it is sized here."""


class Desktop:
    """A screen of its own, with a window manager and GIMP."""

    def __init__(self, version: str, file: str) -> None:
        os.environ["NO_AT_BRIDGE"] = "1"
        theirs, ours = os.pipe()[::-1]
        # Without -noreset it starts anew, and is deaf for a moment, when the first client leaves.
        screen = ["Xvfb", "-noreset", "-displayfd", str(theirs), "-screen", "0", "1280x960x24"]
        self._started = [subprocess.Popen(screen, pass_fds=[theirs], stderr=subprocess.DEVNULL)]
        os.environ["DISPLAY"] = ":" + os.read(ours, 10).decode().strip()
        wait(lambda: quietly("xdpyinfo") == 0, "the screen")
        with (TMP / "openbox.log").open("w") as log:
            command = ["openbox"]
            self._started.append(subprocess.Popen(command, stdout=log, stderr=log))
        wait(has_window_manager, "the window manager")
        self._log = (TMP / "gimp.log").open("w")
        command = ["dbus-run-session", f"gimp-{version}", "-n", "-s", file]
        self._started.append(subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT))
        self.main = self.window(MAIN)
        wait(lambda: "layer" in self.title(), "the image")
        # Wider, else GIMP hides the progress in its status bar.
        self.do("windowmove", self.main, "0", "0")
        self.do("windowsize", self.main, "1270", "860")
        self.do("mousemove", "5", "950")

    def close(self) -> None:
        for process in reversed(self._started):
            process.terminate()
            process.wait()

    def do(self, *arguments: str) -> str:
        done = subprocess.run(["xdotool", *arguments], capture_output=True, text=True)
        return done.stdout.strip()

    def find(self, name: str) -> str:
        found = self.do("search", "--onlyvisible", "--name", name).split()
        return found[-1] if found else ""

    def window(self, name: str) -> str:
        """Wait for a window and give it the keyboard."""
        wait(lambda: self.find(name), f"a window called {name}")
        found = self.find(name)
        self.focus(found)
        return found

    def focus(self, window: str) -> None:
        self.do("windowactivate", "--sync", window)
        time.sleep(0.2)

    def gone(self, name: str) -> None:
        wait(lambda: not self.find(name), f"the end of the window {name}")

    def key(self, *keys: str) -> None:
        for each in keys:
            self.do("key", "--clearmodifiers", each)
            time.sleep(0.15)

    def type(self, text: str) -> None:
        self.do("type", "--clearmodifiers", "--delay", "15", text)
        time.sleep(0.2)

    def title(self) -> str:
        return self.do("getwindowname", self.main)

    def layers(self) -> int:
        found = re.search(r"(\d+) layer", self.title())
        return int(found[1]) if found else 0

    def shot(self, name: str, window: str = "root") -> bytes:
        path = TMP / f"{name}.png"
        subprocess.run(["import", "-window", window, str(path)], check=True)
        return path.read_bytes()

    def size(self, window: str) -> tuple[int, int]:
        lines = dict(
            line.partition("=")[::2]
            for line in self.do("getwindowgeometry", "--shell", window).split()
        )
        return int(lines["WIDTH"]), int(lines["HEIGHT"])

    def open_filter(self) -> str:
        """Open the filter with its shortcut."""
        self.focus(self.main)
        self.key("ctrl+alt+j")
        return self.window(DIALOG)

    def start(self) -> str:
        """Press Paint and wait until the engine paints."""
        self.key("alt+p")
        watch = self.window(WATCH)
        self.wait_for_steps()
        return watch

    def wait_for_steps(self) -> None:
        wait(lambda: list(TMP.glob("scumble-run-*/preview-*.png")), "the first preview")


def wait(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> float:
    """Wait until something is so; return how long that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            subprocess.run(["import", "-window", "root", str(TMP / "failed.png")])
            message = f"waited {seconds} s for {what}"
            raise AssertionError(message)
        time.sleep(0.02)
    return time.monotonic() - began


def quietly(*command: str) -> int:
    """Run a command for its exit status."""
    return subprocess.run(command, capture_output=True).returncode


def has_window_manager() -> bool:
    """Without one the keyboard's focus is a matter of luck."""
    command = ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"]
    return "window id" in subprocess.run(command, capture_output=True, text=True).stdout


def engines() -> list[str]:
    """Return the numbers of the engine's processes."""
    command = ["pgrep", "-f", "m engine worker"]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


def all_gone() -> bool:
    return not engines() and not list(TMP.glob("scumble-run-*"))


def main(version: str, file: str, style: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    began = time.monotonic()
    desktop = Desktop(version, file)

    def lap(name: str) -> None:
        seen[f"{name}, seconds"] = round(time.monotonic() - began, 1)

    try:
        before = desktop.layers()
        assert before == 1, desktop.title()
        open_from_menu(desktop)
        desktop.shot("dialog-empty")
        fill_by_keyboard(desktop, style)
        lap("filled")
        stop_and_undo(desktop, before)
        lap("stopped")
        seen["dialog after"] = time_to_dialog(desktop)
        seen["cancel"] = cancel(desktop, before)
        lap("cancelled")
        seen["status bar cancel"] = cancel_in_status_bar(desktop, before)
        lap("killed")
        repeat(desktop, before)
        lap("repeated")
        seen["saved"] = close_image(desktop)
        lap("closed")
    finally:
        desktop.close()
    return seen


def open_from_menu(desktop: Desktop) -> None:
    """The entry is in Filters > Artistic, and says that a style has to be chosen."""
    desktop.focus(desktop.main)
    desktop.key("alt+r")
    time.sleep(0.5)
    desktop.shot("menu-filters")
    desktop.key("a")
    time.sleep(0.5)
    desktop.shot("menu-artistic")
    desktop.key("n")
    desktop.window(DIALOG)


def fill_by_keyboard(desktop: Desktop, style: str) -> None:
    """Choose a style and settings without the mouse."""
    desktop.key("alt+t", "space")
    time.sleep(0.4)
    desktop.shot("dialog-styles")
    desktop.key("End", "Return")
    desktop.window("^Choose a style$")
    desktop.type(style[:1])  # a slash opens the field for paths
    time.sleep(0.5)
    desktop.type(style[1:])
    time.sleep(0.5)
    desktop.key("Return")
    desktop.gone("^Choose a style$")
    desktop.window(DIALOG)
    desktop.key("alt+i", "ctrl+a")
    desktop.type("4000")
    desktop.key("Tab")
    desktop.shot("dialog-filled")


def stop_and_undo(desktop: Desktop, before: int) -> None:
    """Stop keeps the picture; one Ctrl+Z takes everything back."""
    watch = desktop.start()
    first = desktop.shot("watch", watch)
    time.sleep(3)
    assert desktop.shot("watch-later", watch) != first, "the picture does not grow"
    desktop.focus(watch)
    desktop.key("alt+s")
    desktop.gone(WATCH)
    wait(lambda: desktop.layers() == before + 1, "the new layer")
    wait(all_gone, "the engine's end")
    desktop.shot("result")
    desktop.focus(desktop.main)
    desktop.key("ctrl+z")
    wait(lambda: desktop.layers() == before, "the layer's end after one Ctrl+Z")
    assert not desktop.title().startswith("*"), desktop.title()


def time_to_dialog(desktop: Desktop) -> float:
    desktop.focus(desktop.main)
    began = time.monotonic()
    desktop.do("key", "--clearmodifiers", "ctrl+alt+j")
    wait(lambda: desktop.find(DIALOG), "the dialog")
    took = time.monotonic() - began
    desktop.window(DIALOG)
    return round(took, 2)


def cancel(desktop: Desktop, before: int) -> float:
    """Cancel in the window leaves nothing."""
    watch = desktop.start()
    assert engines()
    desktop.focus(watch)
    desktop.do("key", "--clearmodifiers", "alt+c")
    took = wait(all_gone, "the engine's end")
    desktop.gone(WATCH)
    assert desktop.layers() == before
    return round(took, 2)


def cancel_in_status_bar(desktop: Desktop, before: int) -> float:
    """GIMP's own Cancel kills the plug-in; nothing of it is left."""
    desktop.open_filter()
    desktop.start()
    desktop.focus(desktop.main)
    desktop.shot("status-bar")
    assert engines()
    desktop.do("mousemove", *CANCEL_BUTTON, "click", "1")
    took = wait(all_gone, "the engine's end", 2.0)
    desktop.gone(WATCH)
    assert desktop.layers() == before
    return round(took, 2)


def repeat(desktop: Desktop, before: int) -> None:
    """Repeat Last asks nothing, and paints with what was chosen last."""
    desktop.focus(desktop.main)
    desktop.key("ctrl+f")
    desktop.wait_for_steps()
    assert not desktop.find(DIALOG)
    assert not desktop.find(WATCH)
    job = json.loads(next(TMP.glob("scumble-run-*/job.json")).read_text())
    assert job["iterations"] == 4000, job
    desktop.do("mousemove", *CANCEL_BUTTON, "click", "1")
    wait(all_gone, "the engine's end", 2.0)
    assert desktop.layers() == before


def close_image(desktop: Desktop) -> str:
    """The image is closed while it is painted: the painting becomes a file."""
    home = Path.home()
    known = set(home.glob("*.xcf"))
    dialog = desktop.open_filter()
    width, height = desktop.size(dialog)
    desktop.do("mousemove", "--window", dialog, str(width - 60), str(height - 40), "click", "1")
    desktop.window(WATCH)
    desktop.wait_for_steps()
    desktop.focus(desktop.main)
    desktop.key("ctrl+w")
    wait(lambda: desktop.layers() == 0, "the image's end")
    time.sleep(1.5)
    watch = desktop.window(WATCH)
    desktop.shot("watch-closed", watch)
    desktop.key("alt+s")
    desktop.gone(WATCH)
    wait(all_gone, "the engine's end")
    saved = set(home.glob("*.xcf")) - known
    assert len(saved) == 1, saved
    path = saved.pop()
    wait(lambda: path.name[:10] in desktop.title() or desktop.layers(), "the saved image")
    desktop.shot("saved")
    path.unlink()
    return path.name


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:])))
