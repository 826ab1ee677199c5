"""The parser of the command line: its commands, and options made from the fields of a job."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from typing import Any

from engine import __version__, argument_parser
from engine.argument_parser import usage_lines
from engine.cli.options import GALLERY_OPTIONS, option_name
from engine.cli.terminal import to_standard_error, to_standard_output
from engine.gallery.request import ITERATIONS, NUMBERS, SIZE
from engine.job import INITS, REST, RUN_FOLDER_PREFIX, Job, Region, options
from engine.messages import shown
from engine.translations import N_, _

MOST_WORKERS = 1024

GALLERY_TEXTS = {
    "size": (N_("Area of each picture; larger contents are reduced first."), SIZE),
    "iterations": (N_("Steps of the optimizer for each picture."), ITERATIONS),
}
"""Options of `scumble gallery` that have a text and a default of their own."""

STYLIZE_EXAMPLES = """\
  scumble stylize photo.jpg out.png --style hokusai-wave
  scumble stylize photo.jpg out.png --style sea.jpg
  scumble stylize photo.jpg out.png --style sea.jpg sky.png --style oil.jpg rest
  scumble stylize photo.jpg out.png --style sea.jpg --strength 3 --size full
"""


class CommandParser(argument_parser.Parser):
    """A parser that says so when its output cannot be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write a text; unlike argparse's own method, this one says when it cannot be written."""
        if message and file is sys.stdout:
            to_standard_output(message, end="")
        elif message:
            to_standard_error(message.rstrip("\n"))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; `command` in its result names the command."""
    parser = CommandParser(
        prog="scumble",
        description=_("Paints a picture in the style of other pictures, each in its own region."),
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"scumble {__version__}",
        help=_("show program's version number and exit"),
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)
    for add in (
        _add_stylize,
        _add_job,
        _add_resume,
        _add_batch,
        _add_estimate,
        _add_measure,
        _add_gallery,
        _add_worker,
        _add_styles,
        _add_adviser,
        _add_doctor,
    ):
        add(commands)
    return parser


class _Style(argparse.Action):
    """--style PICTURE [MASK] begins a region."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if len(values) > 2:
            message = _(
                "--style: takes a picture and at most one mask, not {values}; CONTENT and OUT come "
                "before the first --style"
            )
            parser.error(message.format(values=repr(" ".join(values))))
        region = {"style": values[0], "mask": values[1] if len(values) == 2 else ""}
        namespace.regions = [*(namespace.regions or []), region]


class _OfStyle(argparse.Action):
    """An option of the --style before it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if not namespace.regions:
            parser.error(_("{option}: must follow a --style").format(option=option_string))
        if self.dest in namespace.regions[-1]:
            message = _("{option}: given twice for one --style")
            parser.error(message.format(option=option_string))
        namespace.regions[-1][self.dest] = values


class _Init(argparse.Action):
    """--init takes a choice, or a picture."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if values in INITS:
            namespace.init = values
        elif os.path.exists(values):  # which is False for a name that is too long
            namespace.init, namespace.init_picture = "picture", values
        else:
            message = _("--init: {value} is neither one of {choices} nor a picture's file")
            parser.error(message.format(value=repr(values), choices=", ".join(INITS)))


def _command(
    commands: argparse._SubParsersAction, name: str, **about: Any
) -> argparse.ArgumentParser:
    """Add a command."""
    command: argparse.ArgumentParser = commands.add_parser(name, **about)
    return command


def _add_stylize(commands: argparse._SubParsersAction) -> None:
    examples = _("{heading}:").format(heading=_("examples"))
    name = "scumble stylize "
    stylize = _command(
        commands,
        "stylize",
        help=_("paint a picture"),
        description=_("Paints CONTENT in the given styles and writes OUT."),
        epilog=f"{examples}\n{STYLIZE_EXAMPLES}",
        usage=usage_lines(
            (
                f"{name}CONTENT OUT --style PICTURE [MASK]",
                " " * len(name) + "[--style PICTURE [MASK] ...] " + _("[options]"),
            )
        ),
    )
    for each in dataclasses.fields(Job):
        if each.metadata["positional"] and each.metadata["kind"] != "regions":
            stylize.add_argument(each.name, metavar=option_name(each), help=_help(each))
    _add_region_options(stylize)
    _add_job_options(stylize)
    _add_display_options(stylize)
    _add_run_options(stylize)


def _add_job(commands: argparse._SubParsersAction) -> None:
    job = _command(
        commands,
        "job",
        help=_("run a job file, or repeat a picture made by Scumble"),
        description=_("Runs a job file; given a picture made by Scumble, repeats it."),
    )
    job.add_argument(
        "job", metavar="JOB", help=_("A job file (JSON), or a picture made by Scumble.")
    )
    _add_output(job)
    job.add_argument(
        "--inputs",
        metavar="FOLDER",
        help=_(
            "For a picture: the folder of the files that its settings name (default the folder of "
            "the picture)."
        ),
    )
    _add_display_options(job)
    _add_run_options(job)


def _add_resume(commands: argparse._SubParsersAction) -> None:
    resume = _command(
        commands,
        "resume",
        help=_("continue an interrupted painting, or list what can be continued"),
        description=_(
            "Continues an interrupted painting and writes the result that an undisturbed run "
            "gives. Without STATE, lists what can be continued."
        ),
    )
    resume.add_argument(
        "state",
        metavar="STATE",
        nargs="?",
        help=_("A name from the list, 'latest', or the job file of the painting."),
    )
    _add_output(resume)
    resume.add_argument(
        "--forget", action="store_true", help=_("Remove the saved state, and paint nothing.")
    )
    _add_display_options(resume)


def _add_batch(commands: argparse._SubParsersAction) -> None:
    batch = _command(
        commands,
        "batch",
        help=_("paint many pictures, on this machine or on a cluster"),
        description=_(
            "Paints each CONTENT as JOB says and writes the results to FOLDER, with a table of "
            "what became of them. Pictures that are there already with the same settings are kept, "
            "so the same command continues an interrupted batch. docs/batch.md has examples."
        ),
    )
    batch.add_argument(
        "job", metavar="JOB",
        help=_(
            "A job file (JSON) without a content. Its paths may hold {name}, {number}, {folder} "
            "and {extension} of each content."
        ),
    )  # fmt: skip
    batch.add_argument(
        "contents", metavar="CONTENT", nargs="+",
        help=_(
            "A picture, a folder of pictures, a glob, or a list: a CSV file with the column "
            "content and, where pictures differ, output, protect, init_picture, style, mask, "
            "style_mask, style_2, ..."
        ),
    )  # fmt: skip
    batch.add_argument(
        "--out", metavar="FOLDER", required=True,
        help=_("The folder of the results; created if missing."),
    )  # fmt: skip
    batch.add_argument(
        "--force",
        action="store_true",
        help=_("Also paint pictures that are there already with the same settings."),
    )
    batch.add_argument(
        "--workers", metavar="N", type=_workers,
        help=_(
            "Processes that paint side by side on this machine; 0 paints one picture after the "
            "other in this process (default: by processors and memory)."
        ),
    )  # fmt: skip
    batch.add_argument(
        "--scheduler", metavar="ADDRESS|FILE",
        help=_("Paint on the cluster of this Dask scheduler: tcp://HOST:PORT, or its file."),
    )  # fmt: skip
    _add_display_options(batch)


def _add_estimate(commands: argparse._SubParsersAction) -> None:
    estimate = _command(
        commands,
        "estimate",
        help=_("say how long jobs take and how much memory, without painting"),
        description=_(
            "Says at what size each job is painted, for how long and in how much memory."
        ),
    )
    estimate.add_argument(
        "jobs", metavar="JOB", nargs="+", help=_("A job file (JSON), or a result of Scumble's.")
    )
    estimate.add_argument(
        "--json", action="store_true", help=_("Print JSON, one line for each job.")
    )


def _add_measure(commands: argparse._SubParsersAction) -> None:
    measure = _command(
        commands,
        "measure",
        help=_("measure how good a result is"),
        description=_(
            "Measures RESULT, painted from CONTENT. With --style: how far texture and palette are "
            "from the style's, how much of the content's shapes is lost, sharpness, weave and "
            "frame. With --mask: leak, reach, fringe and seam where the mask is hard, evenness "
            "where it is soft. docs/measures.md says what each figure means."
        ),
    )
    measure.add_argument("content", metavar="CONTENT", help=_("The photograph that was painted."))
    measure.add_argument(
        "result", metavar="RESULT", help=_("The painted picture, as large as CONTENT.")
    )
    measure.add_argument(
        "--style", metavar="PICTURE",
        help=_(
            "The style of the region: a picture, or the name of a painting that comes with Scumble."
        ),
    )  # fmt: skip
    measure.add_argument(
        "--mask", metavar="MASK",
        help=_("The region: a gray picture of any size, white inside (default the whole picture)."),
    )  # fmt: skip
    _add_json(measure)


def _add_gallery(commands: argparse._SubParsersAction) -> None:
    gallery = _command(
        commands,
        "gallery",
        help=_("paint the figures of the paper"),
        description=_(
            "Paints the figures of the paper, from Scumble's own pictures or from others, and "
            "writes a page with them, their loss curves, numbers and settings: "
            "FOLDER/gallery.html. Pictures that are in FOLDER already are kept, so an interrupted "
            "gallery continues where it stopped."
        ),
    )
    gallery.add_argument(
        "folder", metavar="FOLDER", help=_("The folder of the gallery; created if missing.")
    )
    gallery.add_argument(
        "--figure", action="append", choices=(*map(str, NUMBERS), "all"),
        help=_("Which figure of the paper; may be given several times (default all)."),
    )  # fmt: skip
    group = gallery.add_argument_group(_("your own pictures"))
    group.add_argument("--content", metavar="PICTURE", help=_("Replaces every content picture."))
    group.add_argument(
        "--style", metavar="PICTURE", action="append",
        help=_(
            "Replaces the style; given twice, the second is the style on the right of figure 9."
        ),
    )  # fmt: skip
    group.add_argument(
        "--mask", metavar="PICTURE",
        help=_(
            "Replaces the sigmoid of figure 9 and the mask of figure 10: white where the second "
            "style, or the only one, goes."
        ),
    )  # fmt: skip
    group = gallery.add_argument_group(_("how they are painted"))
    described = {each.name: each for each in dataclasses.fields(Job)}
    for name in GALLERY_OPTIONS:
        text = _help(described[name])
        if name in GALLERY_TEXTS:
            sentence, default = GALLERY_TEXTS[name]
            text = _with_facts(_(sentence), [_("default {value}").format(value=default)])
        option, metavar = option_name(described[name]), _metavar(described[name])
        group.add_argument(option, dest=name, metavar=metavar, help=text)
    gallery.add_argument("--quiet", action="store_true", help=_("Show notices and errors only."))


def _add_worker(commands: argparse._SubParsersAction) -> None:
    worker = _command(
        commands,
        "worker",
        help=_("run for another program: JSON lines out, 'stop' or the end of input in"),
        description=_("Runs the job in RUN_FOLDER and deletes the folder when the input ends."),
    )
    worker.add_argument(
        "folder",
        metavar="RUN_FOLDER",
        help=_("A folder named {prefix}... with job.json in it.").format(prefix=RUN_FOLDER_PREFIX),
    )
    worker.add_argument(
        "--resume",
        metavar="STATE",
        help=_("Continue this interrupted painting, in place of the job in the folder."),
    )
    worker.add_argument(
        "--wait",
        action="store_true",
        help=_("Load the network, and read the job when the command 'begin' comes."),
    )


def _add_styles(commands: argparse._SubParsersAction) -> None:
    styles = _command(
        commands,
        "styles",
        help=_("list the paintings that come with Scumble"),
        description=_("Lists the paintings that can be named with --style."),
    )
    _add_json(styles)


def _add_adviser(commands: argparse._SubParsersAction) -> None:
    adviser = _command(
        commands,
        "adviser",
        help=_("answer another program's questions about time and memory, and paint previews"),
        description=_("Reads questions as JSON lines and answers them until the input ends."),
    )
    adviser.add_argument(
        "folder",
        nargs="?",
        default="",
        metavar="RUN_FOLDER",
        help=_("The folder with the files that the questions name; it is removed at the end."),
    )


def _add_doctor(commands: argparse._SubParsersAction) -> None:
    doctor = _command(
        commands,
        "doctor",
        help=_("check the installation"),
        description=_("Checks the installation and prints what works, to paste into a question."),
    )
    _add_json(doctor)
    doctor.add_argument(
        "--measure",
        action="store_true",
        help=_(
            "Measure what is quickest on this processor, which takes some seconds, and keep it for "
            "all later runs."
        ),
    )


def _add_region_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(_("styles and where they go"))
    group.add_argument(
        "--style",
        dest="regions",
        nargs="+",
        action=_Style,
        metavar=("PICTURE", "MASK"),
        help=_(
            "A style picture or the name of a painting that comes with Scumble (scumble styles), "
            "and a mask for its region: a gray picture of any size, white where the style goes, "
            "or '{rest}' for what the other masks leave. Once per style."
        ).format(rest=REST),
    )
    for described in options(Region):
        group.add_argument(
            option_name(described),
            dest=described.name,
            action=_OfStyle,
            metavar=_metavar(described),
            help=_("{help} For the --style before it.").format(help=_help(described)),
            default=argparse.SUPPRESS,
        )


def _add_job_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(_("how it is painted"))
    for described in options():
        names = [option_name(described)]
        extra: dict[str, Any] = {"metavar": _metavar(described), "help": _help(described)}
        if described.metadata["kind"] == "switch":
            extra = {"action": "store_true", "help": _help(described)}
        elif described.metadata["kind"] == "layers":
            names.append(names[0].removesuffix("s"))
        elif described.name == "init":
            extra.update(action=_Init, metavar="|".join((*INITS[:-1], "PICTURE")))
        group.add_argument(*names, dest=described.name, default=None, **extra)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that are no part of the job: whether to paint it, and from where."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=_("Say how long it takes and how much memory, and paint nothing."),
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help=_("Continue this painting where it was interrupted, if it was."),
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", metavar="OUT", help=_("The file to write, in place of the one in the job.")
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=_("Print JSON."))


def _add_display_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(_("what is shown"))
    shown = group.add_mutually_exclusive_group()
    shown.add_argument("--quiet", action="store_true", help=_("Show notices and errors only."))
    shown.add_argument(
        "--json", action="store_true", help=_("Print the worker's JSON lines on standard output.")
    )


def _workers(text: str) -> int:
    """Read a number of workers."""
    if not text.isdecimal() or not text.isascii() or len(text) > 4 or int(text) > MOST_WORKERS:
        message = _("{value} is not a number from 0 to {most}")
        message = message.format(value=shown(text), most=MOST_WORKERS)
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _metavar(described: dataclasses.Field) -> str:
    """Return the placeholder of an option's value."""
    about = described.metadata
    if about["kind"] == "choice":
        return "|".join(about["choices"])
    if about["kind"] == "number":
        number = "N" if isinstance(described.default, int) else "X"
        return "|".join((number, *about["named"]))
    if about["kind"] == "layers":
        return "LAYER[=WEIGHT],..."
    names = {"picture": "PICTURE", "mask": "PICTURE", "file": "FILE", "folder": "FOLDER"}
    return names.get(about["kind"], described.name.upper())


def _help(described: dataclasses.Field) -> str:
    """Return the field's sentence with its range, its unit and its default."""
    about = described.metadata
    facts = []
    if about["low"] is not None:
        span = _("{low} to {high} {unit}") if about["unit"] else _("{low} to {high}")
        low, high = f"{about['low']:.10g}", f"{about['high']:.10g}"
        facts.append(span.format(low=low, high=high, unit=_(about["unit"])))
    default: Any = described.default
    if about["kind"] == "layers":
        default = ",".join(f"{layer}={weight:g}" for layer, weight in default)
    elif isinstance(default, float):
        default = f"{default:g}"
    if default != "" and default is not False:
        facts.append(_("default {value}").format(value=default))
    return _with_facts(_(about["text"]), facts).replace("%", "%%")


def _with_facts(text: str, facts: list[str]) -> str:
    """Return a sentence with at most two facts behind it, in parentheses."""
    if not facts:
        return text
    listed = _("{fact}; {other}").format(fact=facts[0], other=facts[1]) if facts[1:] else facts[0]
    return _("{text} ({facts}).").format(text=text.rstrip(".。"), facts=listed)
