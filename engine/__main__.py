"""`python -m engine`: the command line."""

from __future__ import annotations

import os
import signal
import sys


def _leave(number: int, frame: object) -> None:
    os._exit(130)


if __name__ == "__main__":
    # Until a command handles signals itself there is nothing to finish and nothing to clean up; a
    # KeyboardInterrupt in the middle of an import would end in a traceback.
    for name in ("SIGINT", "SIGTERM"):
        number = getattr(signal, name)
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _leave)

    from engine.cli.commands import main

    sys.exit(main())
