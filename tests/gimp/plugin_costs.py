"""Time and memory of the plug-in in each GIMP: python -m tests.gimp.plugin_costs, in the checkout.

A layer of 4000x3000 pixels with alpha and one region on a feathered selection: first without
windows and with a stand-in for the engine that gives the content back at once, so that what remains
is the plug-in's own; then with windows and the real engine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.gimp.gimp_root import make_gimp, versions
from tests.gimp.launch import make_scenes


def main() -> None:
    for version in versions():
        with tempfile.TemporaryDirectory() as folder:
            gimp = make_gimp(version, Path(folder))
            inside = f"{gimp.checkout_inside}/tests/gimp/inside"
            style = f"{gimp.checkout_inside}/docs/demo/style-oil.jpg"
            make_scenes(gimp, "make_large()")
            for script, *arguments in (
                ("measure_large_layer.py", inside),
                ("measure_windows.py", f"{gimp.tmp_inside}/large.xcf", style),
            ):
                command = ["python3", f"{inside}/{script}", version, *arguments]
                printed = gimp.run(*command, seconds=1200)
                print(f"GIMP {version}: {printed.partition('SEEN ')[2].strip()}", flush=True)


if __name__ == "__main__":
    main()
