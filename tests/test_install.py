from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.job import DEVICES
from engine.setup.machine import DISTRIBUTIONS
from engine.setup.program import read_program, write_program
from engine.setup.smoke_test import MEASURED
from engine.text_width import columns
from tests.bare_root import run_in_bare_root
from tests.made_up import CHECKOUT, SLOW, MadeUp, record, run, write_command

STEPS = re.findall(
    r'^    \((?:N_\()?"(\w+)"\)?, \w+\.\w+\),$', (CHECKOUT / "install.py").read_text(), re.M
)


def launcher(home: Path) -> Path:
    return home / "bin" / ("scumble.cmd" if os.name == "nt" else "scumble")


def python_of(home: Path) -> str:
    return str(home / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def distributions(home: Path) -> list[str]:
    code = (
        "import json; from importlib.metadata import distributions;"
        "print(json.dumps([each.metadata['Name'] for each in distributions()]))"
    )
    listed = run([python_of(home), "-I", "-c", code], {**os.environ})
    return sorted(set(json.loads(listed.stdout)) & set(DISTRIBUTIONS))


def tree(folder: Path) -> dict[str, int]:
    """Return the files below a folder, with the times of their last change."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in paths}


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed run said, which is one line and no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("install.py: ")
    return lines[0]


def test_the_record_is_complete_and_says_what_is_there(installed: Path) -> None:
    said = record(installed)
    assert said["program"] == "scumble"
    assert said["complete"] is True
    assert said["onnxruntime"]["distribution"] == "onnxruntime"
    assert said["device"] == "made-up device"
    assert said["python"].startswith("3.")


def test_nothing_is_left_that_was_only_needed_on_the_way(installed: Path) -> None:
    names = {"app", "bin", "env", "install.lock", "logs", "models", "scumble.json"}
    assert {path.name for path in installed.iterdir()} == names
    assert sorted(os.listdir(installed / "app" / "models")) == [
        "LICENSE",
        "__init__.py",
        "__main__.py",
        "__pycache__",  # made by running it, not copied: see below
        "weights_errors.py",
    ]
    assert not (installed / "app" / "models" / "__pycache__" / "left.pyc").exists()


def test_the_command_runs_isolated_from_anywhere_through_links(
    installed: Path, tmp_path: Path
) -> None:
    link, second = tmp_path / "a link", tmp_path / "second"
    link.symlink_to(launcher(installed))
    second.symlink_to(link.name)
    for command in (launcher(installed), link, second):
        done = subprocess.run(
            [str(command), "two words", "ü*"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "CDPATH": "/"},
            capture_output=True,
            check=True,
        )
        assert json.loads(done.stdout) == [["two words", "ü*"], 1, 1]


def test_a_second_run_changes_nothing(made_up: MadeUp, installed: Path) -> None:
    own = {f"logs{os.sep}install.log", "scumble.json"}
    before = {name: when for name, when in tree(installed).items() if name not in own}
    written = record(installed)
    done = made_up.install("--home", installed, MADE_UP_TUNING="measured")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == STEPS
    for name in ("Python", "Packages", "Engine", "Model", "Command", "Speed"):
        line = next(line for line in done.stdout.splitlines() if line.startswith(name))
        assert "already" in line
    assert {name: when for name, when in tree(installed).items() if name not in own} == before
    assert record(installed) == written


def test_the_lines_of_the_steps_begin_in_one_column_in_japanese(
    made_up: MadeUp, installed: Path
) -> None:
    done = made_up.install("--home", installed, LANGUAGE="ja")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("フォルダー")
    heads = [re.match(r"\S+ +", line) for line in lines]
    assert {columns(head[0]) for head in heads if head} == {11}


UNPACKING = ("Folder", 0.4)
"""The kill that leaves a pip half unpacked, which takes seconds; the others link theirs."""

# Where install.py is killed: so many seconds after the line of a step, which is in the next one.
KILLS = (
    *(("Folder", 0.1), UNPACKING, ("Python", 0.1), ("Python", 0.4), ("Python", 0.7)),
    *(("Packages", 0.0), ("Engine", 0.2), ("Command", 0.2)),
)


def test_killed_again_and_again_and_repeated(made_up: MadeUp, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for step, seconds in KILLS:
        process = subprocess.Popen(
            made_up.command("--home", home),
            env=made_up.variables(
                **SLOW, MADE_UP_PIP="unpacked" if (step, seconds) == UNPACKING else "linked"
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stdout
        if not any(line.startswith(step) for line in process.stdout):
            pytest.fail(f"no step {step}: {process.communicate()[1]}")
        time.sleep(seconds)
        process.kill()  # but not its command, pip for instance, which goes on for a while
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert record(home)["complete"] is False
    done = made_up.install("--home", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert record(home)["complete"] is True
    assert distributions(home) == ["onnxruntime"]
    assert not (home / "tmp").exists()


@pytest.mark.skipif(os.name == "nt", reason="it sends itself a signal")
def test_ctrl_c_in_the_middle_of_an_import_ends_it_without_a_traceback(tmp_path: Path) -> None:
    interrupted = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "argparse.py").write_text(interrupted, encoding="utf-8")
    done = run(
        [sys.executable, str(CHECKOUT / "install.py"), "--home", str(tmp_path / "home")],
        {**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_says_that_it_can_be_repeated(made_up: MadeUp, tmp_path: Path) -> None:
    process = subprocess.Popen(
        made_up.command("--home", tmp_path / "home"),
        env=made_up.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    assert process.stdout
    assert next(process.stdout).startswith("Folder")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert said.strip() == "Stopped. The same command continues from here."
    assert made_up.install("--home", tmp_path / "home").returncode == 0


def test_uninstall_removes_its_own_and_keeps_the_rest(
    made_up: MadeUp, home: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("mine")
    (home / "letter.txt").write_text("mine")
    for name in ("models/mine.npz", "bin/mine", "logs/mine.txt", "notes/note.txt"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text("mine")
    (home / "cache").symlink_to(elsewhere)
    done = made_up.install("--home", home, "--uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "What Scumble did not make stays: bin, cache, letter.txt, logs, models, notes."
        in done.stdout
    )
    kept = {"letter.txt", "models/mine.npz", "bin/mine", "logs/mine.txt", "notes/note.txt"}
    assert {name.replace(os.sep, "/") for name in tree(home)} == kept
    assert (elsewhere / "precious").read_text() == "mine"
    again = one_sentence(made_up.install("--home", home, "--uninstall"))
    assert "nothing was removed" in again
    assert {name.replace(os.sep, "/") for name in tree(home)} == kept


def test_uninstall_removes_an_unfinished_installation(made_up: MadeUp, tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = one_sentence(made_up.install("--home", home, PIP_FIND_LINKS=tmp_path.as_uri()))
    assert "the package index has no numpy" in said
    assert record(home)["complete"] is False
    assert made_up.install("--home", home, "--uninstall").returncode == 0
    assert not home.exists()


@pytest.mark.parametrize("arguments", [[], ["--uninstall"]])
def test_a_folder_of_somebody_else_is_left_alone(
    made_up: MadeUp, tmp_path: Path, arguments: list[str]
) -> None:
    taken = tmp_path / "taken"
    (taken / "env").mkdir(parents=True)
    (taken / "env" / "mine.txt").write_text("mine")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "scumble.json").write_text('{"program": "another"}')
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "scumble.json").write_text('{"program": "scu')
    file = tmp_path / "file"
    file.write_text("mine")
    before = tree(tmp_path)
    for home in (taken, foreign, torn, file):
        assert str(home) in one_sentence(made_up.install("--home", home, *arguments))
    assert tree(tmp_path) == before


def test_without_a_network_it_says_so_and_keeps_pips_words(made_up: MadeUp, home: Path) -> None:
    shutil.rmtree(next((home / "env").rglob("numpy-*.dist-info")))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}/simple"
        offline = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}
        done = made_up.install("--home", home, PIP_INDEX_URL=nowhere, **offline)
    said = one_sentence(done)
    assert "cannot be reached" in said
    log = home / "logs" / "install.log"
    assert str(log) in said
    assert nowhere in log.read_text(encoding="utf-8")
    assert record(home)["complete"] is False
    done = made_up.install("--home", home)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("size", ["16k", "1m", "6m"])
def test_a_full_disk_is_named(made_up: MadeUp, tmp_path: Path, size: str) -> None:
    """The small disk is seen by these processes only and goes away with them."""
    own = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
    script = f'mount -t tmpfs -o size={size} tmpfs "$1" && shift && exec "$@"'
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [*own, "sh", "-c", script, "sh", str(disk)]
    command += made_up.command("--home", disk / "home")
    done = run(command, made_up.variables(MADE_UP_PIP="unpacked"))
    assert "disk is full" in one_sentence(done)


def test_an_engine_that_cannot_paint_is_no_installation(made_up: MadeUp, home: Path) -> None:
    said = one_sentence(made_up.install("--home", home, MADE_UP_ENGINE="broken"))
    assert "The made-up engine is broken." in said
    assert record(home)["complete"] is False
    assert made_up.install("--home", home).returncode == 0
    assert record(home)["complete"] is True


@pytest.mark.parametrize("name", ["scipy/__init__.py", "PIL/Image.py", "pip/__main__.py"])
def test_a_package_with_a_missing_file_is_mended_in_one_run(
    made_up: MadeUp, home: Path, name: str
) -> None:
    file = next((home / "env").rglob("site-packages")) / name
    content = file.read_bytes()
    file.unlink()
    done = made_up.install("--home", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_bytes() == content
    assert record(home)["complete"] is True


def test_an_engine_that_does_not_paint_gets_a_new_environment_in_one_run(
    made_up: MadeUp, home: Path
) -> None:
    """The stray file belongs to no package, so only painting finds it."""
    stray = next((home / "env").rglob("site-packages")) / "numpy" / "stray.py"
    stray.write_text("")
    done = made_up.install("--home", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert not stray.exists()


def test_an_environment_whose_python_is_gone_is_made_anew(made_up: MadeUp, home: Path) -> None:
    python = Path(python_of(home))
    python.unlink()
    python.symlink_to("/usr/bin/python3.2")
    done = made_up.install("--home", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert distributions(home) == ["onnxruntime"]


def test_there_is_only_ever_one_onnxruntime(made_up: MadeUp, home: Path) -> None:
    tool = made_up.commands / "nvidia-smi"
    for driver, asked in (("580.95.05", "auto"), ("580.95.05", "cpu"), ("550.54", "auto")):
        write_command(tool, f"echo {driver}")
        try:
            done = made_up.install("--home", home, "--onnxruntime", asked, MADE_UP_DEVICE="cpu")
        finally:
            tool.unlink()
        assert (done.returncode, done.stderr) == (0, "")
        said = record(home)["onnxruntime"]
        assert distributions(home) == [said["distribution"]]
        spoken = f"although {said['distribution']} is installed" in done.stdout
        assert spoken == (said["distribution"] != "onnxruntime")
        if sys.platform == "linux" and asked == "auto":
            version = "1.30.0" if driver.startswith("580") else "1.24.0"
            assert said == {"distribution": "onnxruntime-gpu", "version": version}


def test_the_packages_for_the_tests_and_the_arguments_for_pytest(
    made_up: MadeUp, tmp_path: Path
) -> None:
    test = made_up.checkout / "tests" / "test_some.py"
    test.write_text("")
    places = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    done = made_up.install("test", "-k", "this or that", "-x", **places)
    assert done.returncode == 5, done.stderr
    home = next(tmp_path.rglob("scumble.json")).parent
    cache = f"-o cache_dir={home / 'cache' / 'scumble' / 'pytest'}"
    rest = f"in {made_up.checkout} with {home}"
    assert done.stdout.splitlines()[-1] == f"all tests {cache} -k this or that -x {rest}"
    assert not (home / "app").exists()
    assert list(home.glob("env/**/matplotlib-*.dist-info"))  # which is optional elsewhere
    done = made_up.install("test", "tests/test_some.py::test_one", "--lf", **places)
    chosen = f"pytest {cache} tests/test_some.py::test_one --lf {rest}"
    assert done.stdout.splitlines()[-1] == chosen
    assert "for the tests; name another folder" in one_sentence(made_up.install("--home", home))


def test_the_demonstration_is_painted_with_the_command(
    made_up: MadeUp, home: Path, tmp_path: Path
) -> None:
    done = made_up.install("demo", "--home", home)
    assert done.returncode == 0, done.stderr
    result = home / "demo" / "result.png"
    assert done.stdout.splitlines()[-1] == f"The painting is in {result}"
    assert result.read_bytes() == b"painted"
    assert made_up.install("demo", "--home", home, "--out", tmp_path / "own.png").returncode == 0
    assert (tmp_path / "own.png").is_file()
    assert made_up.install("--home", home, "--uninstall").returncode == 0
    assert not home.exists()


def test_weights_that_are_not_there_are_refused_before_anything_is_made(
    made_up: MadeUp, tmp_path: Path
) -> None:
    said = one_sentence(
        made_up.install("--home", tmp_path / "home", "--weights", tmp_path / "none.onnx")
    )
    assert str(tmp_path / "none.onnx") in said
    assert not (tmp_path / "home").exists()


def test_the_choices_of_the_command_line_are_those_of_the_machine(made_up: MadeUp) -> None:
    done = made_up.install("--help")
    assert done.returncode == 0
    assert "{" + ",".join(DEVICES) + "}" in done.stdout


def test_an_old_python_is_told_so() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 8, 10, 'final', 0); "
        f"runpy.run_path({str(CHECKOUT / 'install.py')!r}, run_name='__main__')"
    )
    done = run([sys.executable, "-c", code], {**os.environ})
    assert done.returncode == 1
    assert "needs Python 3.9 or newer" in done.stderr
    assert "this is Python 3.8" in done.stderr


def test_an_old_python_can_read_install_py() -> None:
    """Newer syntax would end in a SyntaxError before the sentence about the version."""
    source = (CHECKOUT / "install.py").read_text(encoding="utf-8")
    assert source.isascii()
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal))
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print")
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.kwonlyargs
            assert not any(argument.annotation for argument in node.args.args)
        if isinstance(node, (ast.List, ast.Tuple)):
            assert not any(isinstance(each, ast.Starred) for each in node.elts)


BRIEF_TRIALS = (
    ("engine/tuning_trials.py", b"TRIAL_SIDE = 256", b"TRIAL_SIDE = 32"),
    ("engine/speed.py", b"TRIAL_SIDE = 256", b"TRIAL_SIDE = 32"),
    ("engine/rate_trials.py", b"SIZE = (840, 1200)", b"SIZE = (84, 120)"),
)
"""Files and the sizes in them of the pictures on which an installation measures the processor, with
smaller ones. At the usual sizes it computes for ten seconds.
"""


def checkout_with_brief_trials(folder: Path) -> Path:
    """Copy what is installed into a folder, where it measures on small pictures."""
    files = read_program(CHECKOUT)
    for name, usual, brief in BRIEF_TRIALS:
        assert usual in files[name]
        files[name] = files[name].replace(usual, brief)
    write_program(files, folder)
    return folder


@pytest.mark.first
def test_a_real_installation_paints_with_nothing_else_and_is_removed_whole(
    model: Path, tmp_path: Path
) -> None:
    """Install Scumble itself: wrong weights, right ones, and away again, with nothing outside.

    Its environment starts where there is nothing but the data folder.
    """
    user, home, wrong = tmp_path / "user", tmp_path / "a ß home", tmp_path / "wrong.onnx"
    user.mkdir()
    wrong.write_bytes(b"these are no weights")
    checkout = checkout_with_brief_trials(tmp_path / "checkout")
    command = [sys.executable, str(checkout / "install.py"), "--home", str(home)]
    command += ["--onnxruntime", "cpu", "--self-contained"]
    apart = ("SCUMBLE_", "XDG_", "GIMP3_", "FLATPAK_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(apart)}
    variables.update(dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(user)))
    variables["FLATPAK_SYSTEM_DIR"] = str(user)
    variables.setdefault("RUSTUP_HOME", str(tmp_path))  # pip asks Rust for its version
    # Python compiles what is imported; pip would compile thousands of modules that nobody imports.
    variables["PIP_NO_COMPILE"] = "0"  # which stands for yes, as pip documents it
    assert str(wrong) in one_sentence(run([*command, "--weights", str(wrong)], variables))
    assert not (home / "models" / "vgg16.npz").exists()

    done = run([*command, "--weights", str(model)], variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert record(home)["complete"] is True
    assert record(home)["device"] == "cpu"
    assert "Measured what is quickest on this processor." in done.stdout
    measured = [python_of(home), "-I", "-c", MEASURED]
    assert run(measured, {**variables, "SCUMBLE_HOME": str(home)}).returncode == 0
    assert (home / "models" / "vgg16.npz").read_bytes() == model.read_bytes()
    assert f"They need no file outside of {home}." in done.stdout

    photo, painted = home / "photo.jpg", home / "painted.png"
    shutil.copy(CHECKOUT / "docs" / "demo" / "photo.jpg", photo)
    bare = tmp_path / "bare root"
    bare.mkdir()
    engine = [python_of(home), "-I", "-X", "utf8", "-m", "engine"]
    painting = [str(photo), str(painted), "--style", str(photo)]
    few = ["--iterations", "2", "--size", "5000"]
    done = run_in_bare_root(bare, home, *engine, "stylize", *painting, *few)
    assert done.returncode == 0, done.stderr
    assert painted.read_bytes()[:4] == b"\x89PNG"
    photo.unlink()
    painted.unlink()

    done = run([*command, "--uninstall"], variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert not home.exists()
    assert list(user.rglob("*")) == []
