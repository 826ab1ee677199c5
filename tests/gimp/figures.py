"""Prints what the plug-in costs in each GIMP: python -m tests.gimp.figures, in the checkout.

A layer of 4000x3000 pixels with alpha, one region on a feathered selection, and a stand-in for the
engine that gives the content back at once: what remains is the plug-in's own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.gimp.gimp_root import make_gimp, versions


def main() -> None:
    for version in versions():
        with tempfile.TemporaryDirectory() as folder:
            gimp = make_gimp(version, Path(folder))
            inside = f"{gimp.checkout_inside}/tests/gimp/inside"
            printed = gimp.run("python3", f"{inside}/measure.py", version, inside)
            print(f"GIMP {version}: {printed.partition('SEEN ')[2].strip()}")


if __name__ == "__main__":
    main()
