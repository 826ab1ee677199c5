"""matplotlib and Dask, which are there only for who asks for them, and stay."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.paths import cache_folder, make_own_folder
from tests.made_up import MadeUp, copy_installation, record, run


@pytest.fixture(scope="module")
def with_plots(made_up: MadeUp, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with matplotlib; tests leave it as it is."""
    home = tmp_path_factory.mktemp("with plots") / "home"
    said = well(made_up, home, "--plots")
    assert "matplotlib 3.10.0" in line(said, "Packages")
    return home


def well(made_up: MadeUp, home: Path, *arguments: str, **variables: str) -> str:
    done = made_up.install("--home", home, *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def line(said: str, step: str) -> str:
    return next(each for each in said.splitlines() if each.startswith(step))


def has_matplotlib(home: Path) -> bool:
    python = home / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return run([str(python), "-I", "-c", "import matplotlib"], {**os.environ}).returncode == 0


def test_nobody_gets_it_unasked_and_it_can_be_added_later(made_up: MadeUp, home: Path) -> None:
    assert not has_matplotlib(home)
    assert record(home)["plots"] is False
    said = well(made_up, home, "--plots")
    assert "Installed" in line(said, "Packages")
    assert "already" in line(said, "Python")
    assert has_matplotlib(home)
    assert record(home)["plots"] is True


def test_a_later_run_without_the_option_keeps_it(made_up: MadeUp, with_plots: Path) -> None:
    before = record(with_plots)
    said = well(made_up, with_plots)
    assert line(said, "Packages").endswith("are there already.")
    assert "matplotlib 3.10.0" in line(said, "Packages")
    assert has_matplotlib(with_plots)
    assert record(with_plots) == before
    assert before["plots"] is True


def test_a_later_run_mends_it(made_up: MadeUp, with_plots: Path, tmp_path: Path) -> None:
    home = copy_installation(with_plots, tmp_path / "home")
    for left in (home / "env").rglob("matplotlib*"):
        shutil.rmtree(left)
    assert not has_matplotlib(home)
    assert "Installed" in line(well(made_up, home), "Packages")
    assert has_matplotlib(home)
    shutil.rmtree(home / "env")
    well(made_up, home)
    assert has_matplotlib(home)


def test_where_there_is_none_the_rest_can_still_be_had(made_up: MadeUp, tmp_path: Path) -> None:
    home, packages = tmp_path / "home", tmp_path / "packages"
    packages.mkdir()
    for wheel in made_up.packages.iterdir():
        if not wheel.name.startswith("matplotlib"):
            shutil.copy(wheel, packages)
    only = {"PIP_FIND_LINKS": packages.as_uri()}
    done = made_up.install("--home", home, "--plots", **only)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "has no matplotlib" in done.stderr
    assert record(home)["complete"] is False
    well(made_up, home, **only)
    assert record(home)["complete"] is True
    assert record(home)["plots"] is False


def test_uninstalling_takes_its_cache_away_too(
    made_up: MadeUp, with_plots: Path, tmp_path: Path
) -> None:
    home = copy_installation(with_plots, tmp_path / "home")
    fonts = make_own_folder(cache_folder(home)) / "matplotlib"  # as the engine does
    fonts.mkdir()
    (fonts / "fontlist.json").write_text("{}")
    well(made_up, home, "--uninstall")
    assert not home.exists()


def test_dask_comes_in_the_same_way(made_up: MadeUp, home: Path) -> None:
    assert not list(home.glob("env/**/distributed"))
    assert record(home)["cluster"] is False
    assert "distributed 2025.1.0" in line(well(made_up, home, "--cluster"), "Packages")
    assert (record(home)["cluster"], record(home)["plots"]) == (True, False)
    assert "distributed 2025.1.0" in line(well(made_up, home), "Packages")
    assert record(home)["cluster"] is True
