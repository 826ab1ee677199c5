"""The extension in a real GIMP: opened, put to work, its engine set up from inside."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from plugin.extension import ID
from tests.gimp.gimp_root import Gimp
from tests.made_up import make, run


@pytest.fixture(scope="module")
def opened(gimp: Gimp) -> tuple[Path, str]:
    """Open the made-up Scumble's extension in a fresh profile of a GIMP; return the profile.

    The text is what GIMP then says of its extensions.
    """
    made_up = make(gimp.tmp / "made-up")
    steps = [
        made_up.checkout / "engine/setup" / name for name in ("environment.py", "weights_step.py")
    ]
    for file in (*steps, gimp.tmp / "made-up/unpack.py"):
        # GIMP sees other paths than this process.
        text = file.read_text(encoding="utf-8").replace(str(gimp.tmp), gimp.tmp_inside)
        file.write_text(text, encoding="utf-8")
    gex = gimp.tmp / "scumble.gex"
    done = run([sys.executable, str(made_up.checkout / "install.py"), "--gex", str(gex)], {})
    assert done.returncode == 0, done.stderr
    profile = gimp.tmp / "profile"
    profile.mkdir()
    for name in ("gimprc", "shortcutsrc"):
        shutil.copy(gimp.profile / name, profile)
    seen = in_profile(gimp, f"open_file('{gimp.tmp_inside}/scumble.gex')")
    assert seen == {"opened": True, "filter": False}
    return profile, (profile / "extensionrc").read_text(encoding="utf-8")


def in_profile(gimp: Gimp, call: str) -> dict:
    """Call a function of the module opened inside a GIMP with that profile; return what it saw."""
    folder = f"{gimp.checkout_inside}/tests/gimp/inside"
    flags = ("-idf", "--batch-interpreter=python-fu-eval", "-b", "-", "--quit")
    script = f"import sys; sys.path.insert(0, {folder!r})\nimport opened\nopened.{call}\n"
    profile = f"GIMP3_DIRECTORY={gimp.tmp_inside}/profile"
    seen = gimp.tmp / "seen.json"
    seen.unlink(missing_ok=True)
    printed = gimp.run("env", profile, f"gimp-console-{gimp.version}", *flags, text=script)
    assert seen.is_file(), printed[-3000:]
    return json.loads(seen.read_text(encoding="utf-8"))


def test_opened_switched_on_moved_set_up_and_painting(gimp: Gimp, opened: tuple[Path, str]) -> None:
    profile, extensions = opened
    unpacked = profile / "extensions" / ID
    if os.name != "nt":
        assert os.access(unpacked / f"{ID}.py", os.X_OK)
    # Releases of GIMP have no window that switches an extension on. The docs say so.
    off = f'(GimpExtension "{ID}"\n    (active no))'
    assert off in extensions

    # Where something has switched it on, it works as it is; with a real engine it paints.
    (profile / "extensionrc").write_text(off.replace("no", "yes"), encoding="utf-8")
    shutil.copy(gimp.plugin / "engine.json", unpacked)
    style = f"{gimp.checkout_inside}/docs/demo/style-oil.jpg"
    assert in_profile(gimp, f"paint('{style}')") == {"painted": True}

    # As the docs say: moved to the plug-ins, and its engine set up from inside.
    (unpacked / "engine.json").unlink()
    (profile / "plug-ins").mkdir(exist_ok=True)
    moved = profile / "plug-ins" / ID
    unpacked.rename(moved)
    script = f"{gimp.checkout_inside}/tests/gimp/inside/setting_up.py"
    printed = gimp.run("python3", script, gimp.version, seconds=200)
    seen = json.loads(printed.partition("SEEN ")[2])
    assert "could not be installed" in seen["failure"], seen
    assert seen["home"] == f"{gimp.tmp_inside}/painter/.local/share/scumble"
    place = json.loads((moved / "engine.json").read_text(encoding="utf-8"))
    assert place["home"] == seen["home"]
