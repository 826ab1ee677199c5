"""A screen with a window manager and GIMP, and the hands and eyes of a user.

Run beside GIMP, not in it. Keys and clicks are xdotool's; where the plug-in's widgets are, the
plug-in's process is asked (see eyes/sitecustomize.py); what GIMP's own messages say is taken from
them as a person would, by marking and copying.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

TMP = Path(os.environ["TMPDIR"])
EYES = Path(__file__).resolve().parent / "eyes"
NOTICES = Path(__file__).resolve().parent / "notices.py"
PATIENCE = 120.0
DIALOG, WATCH = "^Neural Style$", " · Neural Style$"
DONE = "^Done · .* · Neural Style$"
CHOOSER = "^Choose a style$"
SETUP = "^Set up the engine"
MAIN = r"^{}.* layers?\).* GIMP$"
MESSAGE = "^GIMP Message$"
POLL = 0.05
"""Seconds between two looks. Most looks start a program, which takes time from GIMP."""
QUICK_POLL = 0.01
"""The same for a look that starts none."""

QUICK = 0.6
"""Seconds. GTK takes a second press within half a second of a list's opening as the first one's
end, and leaves the list open.
"""
CANCEL_BUTTON = ("990", "862")
"""In the status bar, with the main window as it is sized here."""

COPIED = """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk
print(Gtk.Clipboard.get(Gdk.SELECTION_PRIMARY).wait_for_text() or "")
"""

Widget = dict[str, Any]


class Desktop:
    """A screen of its own, with a window manager and GIMP."""

    def __init__(
        self,
        version: str,
        *files: str,
        size: tuple[int, int] = (1270, 860),
        extent: tuple[int, int] = (1280, 960),
        scale: int = 1,
    ) -> None:
        """Open GIMP's window in a size on a screen of an extent, both in the screen's pixels."""
        os.environ["NO_AT_BRIDGE"] = "1"
        os.environ["GDK_SCALE"] = str(scale)
        self._asked = 0
        self._pressed = 0.0
        self._started: list[subprocess.Popen] = []
        try:
            self._open_screen(extent)
            self._open_gimp(version, files, size)
        except BaseException:
            self.close()
            raise

    def _open_screen(self, extent: tuple[int, int]) -> None:
        theirs, ours = os.pipe()[::-1]
        # Without -noreset it starts anew, and is deaf for a moment, when the first client leaves.
        pixels = f"{extent[0]}x{extent[1]}x24"
        screen = ["Xvfb", "-noreset", "-displayfd", str(theirs), "-screen", "0", pixels]
        self._start(screen, pass_fds=[theirs], stderr=subprocess.DEVNULL)
        os.environ["DISPLAY"] = ":" + os.read(ours, 10).decode().strip()
        wait(lambda: quietly("xdpyinfo") == 0, "the screen")
        with (TMP / "openbox.log").open("w") as log:
            self._start(["openbox"], stdout=log, stderr=log)
        wait(has_window_manager, "the window manager")

    def _open_gimp(self, version: str, files: tuple[str, ...], size: tuple[int, int]) -> None:
        gimp = (f"gimp-{version}", "-n", "-s", *files)
        both = ("sh", "-c", 'python3 "$0" & exec "$@"', str(NOTICES))
        command = ["dbus-run-session", *both, *gimp]
        # As for a user, the plug-in is compiled once, but nothing is left in its folder.
        compiled = {"PYTHONPYCACHEPREFIX": str(TMP / "bytecode")}
        seeing = {**os.environ, **compiled, "PYTHONPATH": str(EYES)}
        with (TMP / "gimp.log").open("w") as log:
            self._start(command, env=seeing, stdout=log, stderr=log)
        # Windows come and go until the last image is open.
        self.main = self.window(MAIN.format(Path(files[-1]).stem))
        # Wider, else GIMP hides the progress in its status bar.
        self.do("windowmove", self.main, "0", "0")
        self.do("windowsize", self.main, str(size[0]), str(size[1]))
        wait(lambda: self.box(self.main)[2:] == size, "the main window's size")
        self.do("mousemove", "5", str(size[1] + 90))

    def _start(self, command: list[str], **how: Any) -> None:
        """Start a process in a group of its own, so that what it starts ends with it."""
        self._started.append(subprocess.Popen(command, start_new_session=True, **how))

    def close(self) -> None:
        for process in reversed(self._started):
            os.killpg(process.pid, signal.SIGTERM)
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

    def menus(self) -> int:
        """Return how many menus are open: windows that no window manager looks after."""
        tree = subprocess.run(["xwininfo", "-root", "-tree"], capture_output=True, text=True)
        numbers = re.findall(r"^ {5}(0x\w+) .*gimp", tree.stdout, re.MULTILINE)
        shown = (self.about(number) for number in numbers)
        return sum(
            "IsViewable" in each and "Override Redirect State: yes" in each for each in shown
        )

    def about(self, window: str) -> str:
        command = ["xwininfo", "-id", window]
        return subprocess.run(command, capture_output=True, text=True).stdout

    def gone(self, name: str) -> None:
        wait(lambda: not self.find(name), f"the end of the window {name}")

    def key(self, *keys: str) -> None:
        for each in keys:
            self.do("key", "--clearmodifiers", each)
            time.sleep(0.15)

    def type(self, text: str) -> None:
        self.do("type", "--clearmodifiers", "--delay", "15", text)
        time.sleep(0.2)

    def press(self, x: int, y: int, times: int = 1, button: int = 1) -> None:
        """Press the mouse at a place of the screen."""
        self.do("mousemove", str(x), str(y))
        self.do("click", "--repeat", str(times), "--delay", "60", str(button))
        self._pressed = time.monotonic()

    def title(self) -> str:
        return self.do("getwindowname", self.main)

    def layers(self) -> int:
        found = re.search(r"(\d+) layer", self.title())
        return int(found[1]) if found else 0

    def shot(self, name: str, window: str = "root") -> bytes:
        path = TMP / f"{name}.png"
        subprocess.run(["import", "-window", window, str(path)], check=True)
        return path.read_bytes()

    def grays(self, left: int, top: int, width: int, height: int) -> list[int]:
        """Return the brightness of a part of the screen, row by row, from 0 to 255."""
        part = f"{width}x{height}+{left}+{top}"
        command = ["import", "-window", "root", "-crop", part, "-depth", "8", "gray:-"]
        return list(subprocess.run(command, check=True, capture_output=True).stdout)

    def box(self, window: str) -> tuple[int, int, int, int]:
        """Return where a window is and how large it is; zeros if it is gone."""
        printed = self.do("getwindowgeometry", "--shell", window).split()
        lines = dict(line.partition("=")[::2] for line in printed)
        x, y, width, height = (int(lines.get(name, 0)) for name in ("X", "Y", "WIDTH", "HEIGHT"))
        return x, y, width, height

    # The plug-in's widgets

    def look(self) -> list[Widget]:
        """Return the plug-in's widgets, as its process tells them."""
        self._asked += 1
        answer = TMP / f"seen-{self._asked}.json"
        part = TMP / "look.part"
        part.write_text(str(self._asked), encoding="utf-8")
        part.rename(TMP / "look")
        wait(answer.exists, "the plug-in's widgets", every=QUICK_POLL)
        found = json.loads(answer.read_text(encoding="utf-8"))
        answer.unlink()
        return found

    def widgets(self, **wanted: Any) -> list[Widget]:
        """Return the widgets that have these properties, from the top to the bottom."""
        found = [
            widget
            for widget in self.look()
            if all(widget[name] == value for name, value in wanted.items())
        ]
        return sorted(found, key=lambda widget: (widget["at"][1], widget["at"][0]))

    def widget(self, number: int = 0, **wanted: Any) -> Widget:
        """Wait for a widget, the first such one from the top unless another is named."""
        found: list[Widget] = []

        def there() -> bool:
            found[:] = self.widgets(**wanted)
            return len(found) > number if number >= 0 else bool(found)

        wait(there, f"a widget with {wanted}", 30.0)
        return found[number]

    def click(self, number: int = 0, **wanted: Any) -> None:
        """Press a widget where it is, after turning the wheel until it is to be seen."""

        def able() -> list[Widget]:
            found = self.widget(number, **wanted)
            return [found] if found["able"] else []

        what = f"{wanted} to be pressed"
        widget = self.at_rest(able, what)
        for _ in range(100):
            if widget["shown"]:
                break
            self.turn_wheel(widget)
            widget = self.at_rest(able, what)
        assert widget["shown"], what
        if not widget["menu"]:
            self.press(*widget["at"])
            return
        time.sleep(max(0.0, self._pressed + QUICK - time.monotonic()))
        self.press(*widget["at"])
        wait(lambda: not self.widgets(menu=True), f"the end of the list with {wanted}")

    def beside(self, label: str, kind: str) -> Widget:
        """Return the control of a kind beside a label, after turning the wheel until it is seen."""
        self.click(text=label)

        def near() -> list[Widget]:
            # Both from one look, since rows may move between two.
            seen = self.look()
            down = [each["at"][1] for each in seen if each["text"] == label]
            return [
                each
                for each in seen
                if each["type"] == kind and down and abs(each["at"][1] - down[0]) <= 4
            ]

        return self.at_rest(near, f"a {kind} beside {label}")

    def at_rest(self, look: Callable[[], list[Widget]], what: str) -> Widget:
        """Wait until the first widget of a look is where it was in the look before."""
        seen: list[list[Widget]] = [[], []]

        def rests() -> bool:
            seen[:] = [seen[1], look()]
            return bool(seen[1]) and [each["box"] for each in seen[0][:1]] == [seen[1][0]["box"]]

        wait(rests, what, 30.0)
        return seen[1][0]

    def turn_wheel(self, widget: Widget) -> None:
        lists = [each for each in self.look() if each["type"] == "ScrolledWindow"]
        x, y = widget["at"]
        around = [each for each in lists if each["box"][0] <= x < each["box"][0] + each["box"][2]]
        left, top, _, height = around[0]["box"]
        # Near the edge, where no number takes the wheel for itself.
        button = 5 if y > top + height // 2 else 4
        self.press(left + 6, top + height // 2, button=button)

    def choose(self, combo: dict[str, Any], text: str, number: int = 0) -> None:
        """Choose an entry of a list with the mouse."""
        self.click(number, **combo)
        self.click(text=text, menu=True)

    def field(self) -> Any:
        """Return what is in the field that has the keyboard."""
        return next((each["value"] for each in self.widgets(focus=True)), None)

    def type_path(self, path: str, chooser: str) -> None:
        """Type a path into a window that chooses a file."""
        self.window(chooser)
        self.type(path[:1])  # a slash opens the field for paths
        wait(lambda: self.field() == path[:1], "the field for a path")
        self.type(path[1:])
        wait(lambda: self.field() == path, "the path")
        self.key("Return")
        self.gone(chooser)

    # GIMP

    def message(self) -> str:
        """Wait for GIMP's message, and take its words as a person copies them."""
        self.window(MESSAGE)
        said: list[str] = []

        def copied() -> bool:
            # Looked for anew each time, since GIMP may put another window in the place of this one.
            x, y, width, height = self.box(self.find(MESSAGE))
            for down in range(30, height - 40, 12):
                # Three presses would take the line; on a busy machine GTK counts two, or a drag.
                self.press(x + width // 2, y + down)
                self.key("ctrl+a")
                command = ["python3", "-c", COPIED]
                found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
                if found:
                    said.append(found)
                    return True
            return False

        wait(copied, "the words of GIMP's message")
        return said[0]

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

    def close_live_window(self) -> None:
        """Wait until the painting is done, and close its window."""
        self.focus(self.window(DONE))
        self.key("Escape")
        self.gone(WATCH)

    def step(self) -> int:
        """Return which step the window with the growing picture shows; 0 before the first."""
        for each in self.look():
            found = re.search(r"Step (\d+) of", each["text"])
            if found:
                return int(found[1])
        return 0

    def wait_for_steps(self) -> None:
        wait(lambda: list(TMP.glob("scumble-run-*/preview-*.png")), "the first preview")


def wait(
    condition: Callable[[], Any], what: str, seconds: float = PATIENCE, every: float = POLL
) -> float:
    """Wait until something is so, looking `every` so many seconds; return how long that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            subprocess.run(["import", "-window", "root", str(TMP / "failed.png")])
            message = f"waited {seconds} s for {what}"
            raise AssertionError(message)
        time.sleep(every)
    return time.monotonic() - began


def quietly(*command: str) -> int:
    """Run a command for its exit status."""
    return subprocess.run(command, capture_output=True).returncode


def has_window_manager() -> bool:
    """Without one the keyboard's focus is a matter of luck."""
    command = ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"]
    return "window id" in subprocess.run(command, capture_output=True, text=True).stdout


def engines() -> list[str]:
    """Return the numbers of the processes of the engine that were started here."""
    command = ["pgrep", "-f", f"m engine worker {TMP}/scumble-run-"]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


def all_gone() -> bool:
    return not engines() and not list(TMP.glob("scumble-run-*"))
