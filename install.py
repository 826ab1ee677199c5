#!/usr/bin/env python3
"""Installer of Scumble: sets it up in a data folder, runs its demonstration or tests, removes it.

It needs Python 3.9 and nothing else. `STEPS` lists the steps; their code is in engine/setup.
This file uses no annotations and no f-strings, so that an older Python can read it and print that
it is too old.
"""

# ruff: noqa: E402 - the version is checked before anything is imported
import sys

if sys.version_info < (3, 9):  # noqa: UP036
    sys.exit(
        "Scumble needs Python 3.9 or newer (3.11 or newer is best), and this is Python "
        + ".".join(map(str, sys.version_info[:2]))
        + "; start install.py with a newer one, such as: python3.11 install.py"
    )

sys.dont_write_bytecode = True  # nothing is written outside the data folder

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) == signal.default_int_handler:
    # There is nothing to undo yet, and an interrupt in the middle of an import prints a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import io
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent
sys.path.insert(0, str(CHECKOUT))

from engine.argument_parser import Parser, usage_lines
from engine.job import DEVICES
from engine.paths import cache_folder, home
from engine.setup import installation, interpreter, smoke_test, weights_step
from engine.setup.datafolder import (
    check_free,
    explain_os_error,
    locked,
    tests_home,
    uninstall,
)
from engine.setup.install_progress import (
    STEP_COLUMNS,
    STOPPED,
    JsonLines,
    TextLines,
    stop_at_end_of_input,
)
from engine.setup.machine import MachineError
from engine.setup.setup_errors import SetupError
from engine.text_width import padded
from engine.translations import N_, _
from plugin import extension
from plugin import install_steps as plugin

STEPS = (
    (N_("Folder"), installation.begin),
    ("Python", interpreter.make_python),
    (N_("Packages"), installation.install_packages),
    (N_("Engine"), installation.install_engine),
    (N_("Model"), weights_step.install_weights),
    (N_("Command"), installation.install_launcher),
    (N_("Check"), smoke_test.check),
    (N_("Speed"), smoke_test.measure),
    ("GIMP", plugin.install),
    (N_("Ready"), installation.finish),
)

DEMO = CHECKOUT / "docs" / "demo"

FOLDERS = {"demo": DEMO, "test": CHECKOUT / "tests"}
"""The files that a command needs beside the program, and an extension of GIMP has not."""

# Chosen so that two cores paint it in one to two minutes.
DEMO_OPTIONS = ["--size", "full", "--iterations", "70"]

USAGES = (
    ("install.py [options]", N_("set Scumble up")),
    ("install.py demo [options]", N_("set it up and paint the demonstration")),
    ("install.py test [options] [...]", N_("run the tests; the rest goes to pytest")),
    ("install.py --gex FILE", N_("write the extension for GIMP 3")),
    ("install.py --uninstall", N_("remove it again")),
)
"""Each command line, and what it does."""


def main(arguments):
    """Run the installer and return its exit status."""
    command = arguments.pop(0) if arguments[:1] in (["demo"], ["test"]) else ""
    options, for_pytest = read_options(arguments, command)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    lines = JsonLines() if options.json else TextLines()
    if options.json:
        stop_at_end_of_input()
    try:
        if options.gex is not None:
            return write_extension(options.gex, lines)
        if command and not FOLDERS[command].is_dir():
            message = _("'{command}' needs a checkout of Scumble.")
            raise SetupError(message.format(command=command))
        if options.uninstall:
            plugin.uninstall(data_folder(options, command), options.gimp_dir, lines.say)
            lines.say(uninstall(data_folder(options, command), lines.say))
            return 0
        run = installation.Installation(
            home=data_folder(options, command),
            checkout=CHECKOUT,
            weights=weights_file(options),
            weights_urls=tuple(options.weights_url),
            onnxruntime=options.onnxruntime,
            for_tests=command == "test",
            plots=options.plots,
            cluster=options.cluster,
            self_contained=self_contained(options, command),
            gimp_folders=tuple(options.gimp_dir),
        )
        set_up(run, lines)
        if command == "demo":
            return paint_demo(run, options)
        if command == "test":
            return run_tests(run, for_pytest)
    except (SetupError, MachineError) as error:
        lines.fail(str(error))
        return 1
    except OSError as error:
        lines.fail(explain_os_error(error))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\n" + _("Stopped. The same command continues from here.") + "\n")
        return STOPPED
    return 0


def read_options(arguments, command):
    """Return the options, and the arguments that are for pytest."""
    width = max(len(line) for line, _text in USAGES) + 2
    parser = Parser(
        prog="install.py",
        usage=usage_lines(padded(line, width) + _(text) for line, text in USAGES),
        description=_(
            "Sets Scumble up. It can be repeated at any time and after any interruption."
        ),
    )
    parser.add_argument(
        "--home", metavar="DIR", help=_("the folder to use, instead of the user's data folder")
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help=_("a file with VGG-16's weights, instead of fetching them"),
    )
    parser.add_argument(
        "--weights-url",
        metavar="URL",
        action="append",
        default=[],
        help=_("an address to fetch such a file from before the known ones; may be repeated"),
    )
    parser.add_argument(
        "--onnxruntime",
        choices=DEVICES,
        default="auto",
        help=_("which onnxruntime to install; auto chooses by the machine"),
    )
    parser.add_argument(
        "--gimp-dir",
        metavar="DIR",
        action="append",
        default=[],
        help=_("the folder of another GIMP 3, with its settings and plug-ins; may be repeated"),
    )
    parser.add_argument(
        "--plots",
        action="store_true",
        help=_("add matplotlib, which draws the curves of reports; later runs keep it"),
    )
    parser.add_argument(
        "--cluster",
        action="store_true",
        help=_(
            "add Dask, with which 'scumble batch' paints on several workers or on a cluster; later "
            "runs keep it"
        ),
    )
    parser.add_argument(
        "--self-contained",
        action="store_true",
        help=_(
            "copy Python into the data folder, so that the engine also starts inside a sandbox; "
            "implied by a GIMP from Flatpak; later runs keep it"
        ),
    )
    parser.add_argument(
        "--gex",
        metavar="FILE",
        help=_(
            "only write the plug-in, with this installer, into a file that GIMP 3 unpacks when it "
            "is opened there"
        ),
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help=_(
            "print JSON lines, and stop when the standard input ends; for a program that starts "
            "this"
        ),
    )
    if command == "demo":
        parser.add_argument("--out", metavar="FILE", help=_("where the demonstration is painted"))
    parser.add_argument("--uninstall", action="store_true", help=_("remove what install.py made"))
    if command == "test":
        return parser.parse_known_args(arguments)
    return parser.parse_args(arguments), []


def data_folder(options, command):
    """Return the folder to install into."""
    if options.home is not None:
        if not options.home.strip():
            message = _("--home is empty; name a folder, or leave the option out.")
            raise SetupError(message)
        return Path(options.home).expanduser().absolute()
    return tests_home() if command == "test" else home()


def self_contained(options, command):
    """Return why the environment must need nothing outside of the data folder; '' if it may."""
    if options.self_contained:
        return installation.ASKED
    return plugin.sandboxed() if command != "test" else ""


def weights_file(options):
    """Return the file with the weights as it was named, or None; it must be there."""
    if not options.weights:
        return None
    path = Path(options.weights).expanduser().absolute()
    if not path.is_file():
        message = _("--weights: there is no file {path}.")
        raise SetupError(message.format(path=path))
    return path


def write_extension(name, lines):
    """Write the extension for GIMP, and return the exit status."""
    path = Path(name).expanduser().absolute()
    if path.suffix != extension.SUFFIX:
        message = _("--gex: GIMP opens only files that end in .gex, unlike {path}.")
        raise SetupError(message.format(path=path))
    if path.is_dir():
        message = _("--gex: {path} is a folder; name a file.")
        raise SetupError(message.format(path=path))
    extension.write_extension(path, CHECKOUT)
    lines.say(_("The extension is in {path}; open it with GIMP 3.").format(path=path))
    return 0


def set_up(run, lines):
    """Take every step, and print a line about each."""
    check_free(run.home, for_tests=run.for_tests)
    run.show = lines.show
    with locked(run.home, lines.say) as (run.lock, run.created_home):
        # Once more, since another run may have been at work here.
        check_free(run.home, for_tests=run.for_tests)
        for number, (name, step) in enumerate(STEPS, 1):
            lines.begin(name, number, len(STEPS))
            lines.finish(step(run))


def paint_demo(run, options):
    """Paint the demonstration's photograph, through the command that users have."""
    own = not options.out
    out = installation.claim_demo(run) if own else Path(options.out).expanduser().absolute()
    photo, mask = str(DEMO / "photo.jpg"), str(DEMO / "mask.png")
    styles = ["--style", "vangogh-auvers", "rest", "--style", "hokusai-wave", mask]
    command = [str(run.launcher), "stylize", photo, str(out)]
    command += styles + DEMO_OPTIONS
    print_line(padded(_("Painting"), STEP_COLUMNS) + " ".join(command))
    status = follow(command, installation.variables(run))
    if status == 0:
        if own:
            installation.note_demo(run)
        print_line(_("The painting is in {path}").format(path=out))
    return status


def run_tests(run, arguments):
    """Run all tests, or those that the arguments name, with pytest; return the exit status."""
    tests = CHECKOUT / "tests"
    named = [CHECKOUT / argument.split("::")[0] for argument in arguments]
    chosen = any(path == tests or tests in path.parents for path in named if path.exists())
    # Not in the checkout, which may be on a medium that cannot be written to.
    cache = "cache_dir={}".format(cache_folder(run.home) / "pytest")
    module = "pytest" if chosen else "tests.run_all"
    command = [str(run.python), "-X", "utf8", "-m", module, "-o", cache]
    variables = installation.variables(run)
    # The engine's modules are compiled once for all processes, and not in the checkout.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    variables["PYTHONPYCACHEPREFIX"] = str(cache_folder(run.home) / "compiled")
    return follow(command + arguments, variables)


def follow(command, variables):
    """Run a command in the checkout until it ends, leave Ctrl-C to it, return its exit status."""
    sys.stdout.flush()
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        status = subprocess.call(command, cwd=str(CHECKOUT), env=variables)
    finally:
        signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def print_line(text):
    """Print a line."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
