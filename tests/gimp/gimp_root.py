"""A real GIMP 3 for the tests: the machine's own, or one in a root folder made from Debian."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.locks import try_lock
from engine.setup.datafolder import tests_home

CHECKOUT = Path(__file__).resolve().parents[2]

RECORD = "speed.json"
"""The file of what was measured on this processor, in a data folder."""

SUITES = {"3.0": "trixie", "3.2": "forky"}
"""Debian's releases, by the GIMP that they have."""

PACKAGES = (
    "gimp,gir1.2-gimp-3.0,python3,python3-gi,python3-gi-cairo,python3-venv,xvfb,xdotool,openbox,"
    "imagemagick,dbus-x11,fonts-dejavu-core,x11-utils,xauth,ca-certificates,procps,at-spi2-core,"
    "gir1.2-atspi-2.0"
)
GIMPRC = """\
(config-version "{full}")
(check-updates no)
(show-welcome-dialog no)
(save-session-info no)
(color-profile-policy keep)
(metadata-rotation-policy keep)
"""
SHORTCUTS = """\
(file-version 1)
(action "plug-in-scumble" "<Primary><Alt>j")
(action "layers-delete" "<Primary><Alt>d")
"""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
BESIDE = ("Xvfb", "openbox", "xdotool", "import", "xprop", "xwininfo", "dbus-run-session", "pgrep")
"""Programs that the tests with windows need beside GIMP."""

HELP = (
    "No GIMP 3 can be had for these tests: install GIMP 3, Xvfb, openbox, xdotool, ImageMagick, "
    "xprop, xwininfo, dbus-run-session and AT-SPI with its typelib (or, on Debian and Ubuntu, apt "
    "with a network, from which all is made), or leave them out with --without-gimp."
)


class NoGimpError(Exception):
    """No GIMP can be had; the message says why, and how to get one."""


@dataclass(frozen=True)
class Gimp:
    """One GIMP, with a home folder of its own.

    Attributes
    ----------
    version : str
        '3.0' or '3.2', as its folder is called.
    root : Path or None
        The root folder that it is in; None for the machine's own.
    home : Path
        The user's home folder, seen from here.
    tmp : Path
        The temporary folder, seen from here.
    """

    version: str
    root: Path | None
    home: Path
    tmp: Path

    @property
    def home_inside(self) -> str:
        """The home folder as GIMP sees it."""
        return "/home/user" if self.root else str(self.home)

    @property
    def tmp_inside(self) -> str:
        """The temporary folder as GIMP sees it."""
        return "/tmp" if self.root else str(self.tmp)

    @property
    def checkout_inside(self) -> str:
        """The checkout as GIMP sees it."""
        return "/scumble" if self.root else str(CHECKOUT)

    @property
    def profile(self) -> Path:
        """GIMP's folder of settings, seen from here."""
        return self.home / ".config" / "GIMP" / self.version

    @property
    def plugin(self) -> Path:
        """The plug-in's copy, seen from here."""
        return self.profile / "plug-ins" / "scumble"

    def command(self, *command: str) -> list[str]:
        """Return what runs a command beside this GIMP."""
        variables = {
            "HOME": self.home_inside,
            "TMPDIR": self.tmp_inside,
            "PATH": "/usr/local/bin:/usr/bin:/bin" if self.root else os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
        }
        for name in ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_CERT"):
            if name in os.environ:
                variables[name] = os.environ[name]
        if self.root:
            variables["PIP_CERT"] = CERTIFICATES
        if self.root is None:
            given = [f"{name}={value}" for name, value in variables.items()]
            return ["env", "-i", *given, *command]
        binds = [
            *("--bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev"),
            *("--bind", str(self.tmp), "/tmp", "--bind", str(self.home), "/home/user"),
            *("--ro-bind", str(CHECKOUT), "/scumble"),
            *("--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"),
            *("--ro-bind-try", CERTIFICATES, CERTIFICATES),
            *("--ro-bind-try", str(weights_folder()), "/weights"),
        ]
        sets = [part for each in variables.items() for part in ("--setenv", *each)]
        bwrap = program("bwrap", "bubblewrap")
        own = ["--unshare-pid", "--die-with-parent", "--clearenv", "--chdir", "/tmp"]
        return [bwrap, *own, *binds, *sets, *command]

    def run(self, *command: str, text: str = "", seconds: int = 300) -> str:
        """Run a command and return what it printed; it must end well and in time."""
        done = subprocess.run(
            self.command(*command),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    @property
    def batch_command(self) -> tuple[str, ...]:
        """The command that runs the Python script on its standard input in GIMP without windows."""
        flags = ("-idf", "--batch-interpreter=python-fu-eval", "-b", "-", "--quit")
        return (f"gimp-console-{self.version}", *flags)

    def batch(self, script: str, seconds: int = 300) -> str:
        """Run a Python script inside GIMP, without windows."""
        return self.run(*self.batch_command, text=script, seconds=seconds)


def weights_folder() -> Path:
    """Return the folder of the checked weights, which `install.py test` has made."""
    return Path(os.environ.get("SCUMBLE_HOME") or tests_home()) / "models"


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock in the folder of the tests; another run of the tests waits for it."""
    tests_home().mkdir(parents=True, exist_ok=True)
    with (tests_home() / f"{name}.lock").open("a") as file:
        while try_lock(file.fileno()) is False:
            time.sleep(0.2)
        yield


def program(name: str, package: str) -> str:
    """Return a program of a Debian package, taken out of it where it is not installed.

    Raises
    ------
    NoGimpError
        If it cannot be had.
    """
    found = shutil.which(name)
    if found:
        return found
    tools = tests_home() / "tools"
    path = tools / "usr" / "bin" / name
    with alone("tools"):
        if not path.is_file():
            _need("apt-get", "dpkg-deb")
            tools.mkdir(parents=True, exist_ok=True)
            _unpack(package, tools)
    return str(path)


def _unpack(package: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            _quietly(["apt-get", "download", package], folder)
        except NoGimpError:
            # Fresh machines have no lists of packages yet.
            _quietly(["apt-get", "update"], folder)
            _quietly(["apt-get", "download", package], folder)
        for archive in Path(folder).glob("*.deb"):
            _quietly(["dpkg-deb", "-x", str(archive), str(target)], folder)


def make_root(version: str) -> Path:
    """Return a root folder with this GIMP, kept in the user's cache.

    It is made at the first call, and anew when a package has been added to the list.

    Raises
    ------
    NoGimpError
        If it cannot be made.
    """
    root = tests_home() / f"gimp-{version}"
    if root.is_dir() and _is_complete(root):
        return root
    _need("apt-get", "perl")
    part = root.with_name(root.name + ".part")
    _remove(part)
    part.parent.mkdir(parents=True, exist_ok=True)
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = [
        *("perl", program("mmdebstrap", "mmdebstrap"), f"--mode={mode}", "--variant=minbase"),
        *("--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Check-Valid-Until false"),
        *(f"--include={PACKAGES}", SUITES[version], str(part)),
    ]
    try:
        _quietly(command, "/")
    except NoGimpError:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _remove(root)
    part.rename(root)
    return root


def _remove(root: Path) -> None:
    if root.exists():
        _quietly(["chmod", "-R", "u+w", str(root)], "/")
        shutil.rmtree(root)


def _is_complete(root: Path) -> bool:
    """Return whether a root folder has all packages of the list."""
    lists = {path.name.partition(":")[0] for path in (root / "var/lib/dpkg/info").glob("*.list")}
    known = {name.removesuffix(".list") for name in lists}
    return known.issuperset(PACKAGES.split(","))


def make_gimp(version: str, tmp: Path) -> Gimp:
    """Return a GIMP of this version with Scumble installed by the real install.py.

    Raises
    ------
    NoGimpError
        If it cannot be had.
    """
    root = None if own_version() == version else make_root(version)
    home = tests_home() / f"home-{version}"
    gimp = Gimp(version, root, home, tmp)
    gimp.profile.mkdir(parents=True, exist_ok=True)
    full = re.search(r"\d+\.\d+\.\d+", gimp.run(f"gimp-console-{version}", "--version"))
    assert full is not None
    (gimp.profile / "gimprc").write_text(GIMPRC.format(full=full[0]), encoding="utf-8")
    (gimp.profile / "shortcutsrc").write_text(SHORTCUTS, encoding="utf-8")
    shutil.rmtree(gimp.profile / "plug-in-settings", ignore_errors=True)
    data = home / ".local" / "share" / "scumble"
    # A test that failed may have left a painting that the filter would offer to continue.
    shutil.rmtree(data / "states", ignore_errors=True)
    # So that the processor, which two GIMPs may share now, need not be measured again.
    if (tests_home() / RECORD).is_file():
        data.mkdir(parents=True, exist_ok=True)
        shutil.copy(tests_home() / RECORD, data)
    weights = "/weights" if root else str(weights_folder())
    installer = f"{gimp.checkout_inside}/install.py"
    gimp.run("python3", installer, "--plots", "--weights", f"{weights}/vgg16.npz", seconds=900)
    return gimp


def own_version() -> str:
    """Return which GIMP 3 this machine has, such as '3.0'; empty if these tests cannot use it."""
    if not all(shutil.which(name) for name in BESIDE):
        return ""
    found = {
        path.name.rpartition("-")[2]
        for folder in os.environ["PATH"].split(os.pathsep)
        for path in Path(folder).glob("gimp-console-3.[0-9]*")
    }
    return max(found, default="")


def versions() -> list[str]:
    """Return the GIMPs to test with: each that can be made here, and the machine's own."""
    own = own_version()
    made = set() if own and not shutil.which("apt-get") else set(SUITES)
    return sorted({own, *made} - {""})


def untested() -> list[str]:
    """Return the GIMPs that are tested elsewhere but cannot be made here."""
    return sorted(set(SUITES) - set(versions()))


def _need(*programs: str) -> None:
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        message = f"{HELP} ({', '.join(missing)} is not on this machine.)"
        raise NoGimpError(message)


def _quietly(command: list[str], folder: str) -> None:
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    if done.returncode:
        message = f"{HELP} ({' '.join(command[:3])} failed: {done.stdout.strip()[-500:]})"
        raise NoGimpError(message)
