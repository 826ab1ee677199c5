"""The Python that runs the installer, on machines with made-up Pythons."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="made-up Pythons are shell scripts")


def python(path: Path, version: tuple[int, int], *, good: bool = True, venv: bool = True) -> str:
    """Make a Python that answers the probe."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{json.dumps([version, good, venv])}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def find(tmp_path, monkeypatch):
    """Return a function that finds the Python for a PATH, in a GIMP with a Python of its own."""
    import python_finder

    def find(*folders: str, own: str = "", **variables: str) -> str:
        monkeypatch.setattr(sys, "executable", own)
        monkeypatch.setattr(sys, "platform", "linux")
        path = os.pathsep.join(str(tmp_path / each) for each in folders)
        return python_finder.find_python(tmp_path / "install.py", {"PATH": path, **variables})

    return find


def test_gimps_own_python_where_it_is_the_systems(find, tmp_path):
    own = python(tmp_path / "bin" / "python3", (3, 13))
    python(tmp_path / "other" / "python3.12", (3, 12))
    assert find("other", own=own) == own


def test_an_old_one_or_one_without_venv_gives_way(find, tmp_path):
    python(tmp_path / "a" / "python3", (3, 8))
    python(tmp_path / "a" / "python3.13", (3, 13), venv=False)
    python(tmp_path / "a" / "python3.10", (3, 10))
    best = python(tmp_path / "b" / "python3.12", (3, 12))
    assert find("a", "b") == best
    os.remove(best)
    # One that makes environments; then any, whose shortcoming the installer names.
    assert find("a", "b") == str(tmp_path / "a" / "python3.10")
    os.remove(tmp_path / "a" / "python3.10")
    assert find("a", "b") == str(tmp_path / "a" / "python3.13")


def test_what_no_package_is_built_for_or_is_broken_is_left_out(find, tmp_path):
    import python_finder

    own = python(tmp_path / "mingw" / "python3", (3, 12), good=False)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "a" / "python3").chmod(0o755)
    with pytest.raises(python_finder.NoPythonError, match=r"Install Python 3\.11 or newer"):
        find("a", own=own)


def test_an_appimages_python_is_left_out_since_it_goes_with_gimp(find, tmp_path):
    import python_finder

    own = python(tmp_path / "mount" / "usr" / "bin" / "python3", (3, 13))
    given = {"own": own, "APPDIR": str(tmp_path / "mount")}
    with pytest.raises(python_finder.NoPythonError):
        find("mount/usr/bin", **given)
    system = python(tmp_path / "bin" / "python3", (3, 11))
    assert find("mount/usr/bin", "bin", **given) == system
    path = os.pathsep.join(str(tmp_path / each) for each in ("mount/usr/bin", "bin"))
    cleaned = python_finder.without_bundle({"PATH": path, "APPDIR": given["APPDIR"], "A": "b"})
    assert cleaned == {"PATH": str(tmp_path / "bin"), "APPDIR": given["APPDIR"], "A": "b"}


def test_in_a_sandbox_the_command_for_a_terminal_is_named(find, tmp_path, monkeypatch):
    import python_finder

    own = python(tmp_path / "bin" / "python3", (3, 13))
    with pytest.raises(python_finder.NoPythonError, match="Snap"):
        find(own=own, SNAP_NAME="gimp")
    info = tmp_path / ".flatpak-info"
    info.touch()
    monkeypatch.setattr(python_finder, "FLATPAK_INFO", info)
    with pytest.raises(python_finder.NoPythonError) as caught:
        find(own=own)
    assert f'python3 "{tmp_path / "install.py"}"' in str(caught.value)


def test_windows_asks_its_launcher_and_leaves_the_shop_out(tmp_path, monkeypatch):
    import python_finder

    for folder in ("WindowsApps", "Python312"):
        python(tmp_path / folder / "python.exe", (3, 12))
    python(
        tmp_path / "bin" / "py",
        (0, 0),
    )
    listing = (
        " -V:3.13 *        C:\\P313\\python.exe\n -V:3.9-64 C:\\P39\\python.exe\n -V:2.7 C:\\x.exe"
    )
    (tmp_path / "bin" / "py").write_text(f"#!/bin/sh\ncat <<'E'\n{listing}\nE\n")
    folders = [str(tmp_path / each) for each in ("bin", "WindowsApps", "Python312")]
    path = os.pathsep.join([*folders, os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    found = python_finder.candidates({"PATH": os.pathsep.join([*folders, "/bin"])}, "win32")
    expected = ["C:\\P313\\python.exe", "C:\\P39\\python.exe"]
    assert found[:3] == [*expected, str(tmp_path / "Python312" / "python.exe")]
    assert not any("WindowsApps" in each for each in found)


def test_macos_does_not_ask_to_install_developer_tools(tmp_path):
    import python_finder

    python(tmp_path / "python3", (3, 12))
    found = python_finder.candidates({"PATH": f"/usr/bin{os.pathsep}{tmp_path}"}, "darwin")
    assert str(tmp_path / "python3") in found
    assert not any(Path(each).parent == Path("/usr/bin") for each in found)


def test_this_machine_has_one():
    """The finder and its probe, with real Pythons."""
    import python_finder

    found = python_finder.find_python(Path("install.py"), dict(os.environ))
    probed = python_finder.probe(found, dict(os.environ))
    assert probed is not None
    assert probed[0] >= (3, 9)
