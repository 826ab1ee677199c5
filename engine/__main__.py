"""`python -m engine`: the command line."""

from __future__ import annotations

import sys


def _run() -> int:
    try:
        from engine.cli.commands import main

        return main()
    except KeyboardInterrupt:  # in the few moments before and after the commands' own handling
        return 130


if __name__ == "__main__":
    sys.exit(_run())
