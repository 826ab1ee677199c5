"""Commands: from the command line to the exit status."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from typing import TYPE_CHECKING, Callable

from engine import output_files
from engine.address_space import why_too_little
from engine.cli.interrupts import Interrupts
from engine.cli.json_output import JsonOutput
from engine.cli.options import gallery_request, job_from_options
from engine.cli.parser import build_parser
from engine.cli.resume import (
    chosen_state,
    forget_state,
    list_states,
    make_keeper,
    state_to_resume,
)
from engine.cli.terminal import (
    OutputError,
    ReaderLeftError,
    Terminal,
    result_text,
    to_standard_error,
    to_standard_output,
)
from engine.errors import Failure, LimitError, describe
from engine.events import Event, Notice, Progress
from engine.job import Job, JobError
from engine.report.folder import check_report, try_report
from engine.translations import _

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from engine.run import Result
    from engine.states import store
    from engine.states.keeper import Keeper

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return the exit status.

    0: done; 1: failed; 2: wrong use; 130: interrupted.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as this runs
    program = "scumble"
    try:
        try:
            options = build_parser().parse_args(arguments)
        except SystemExit as leaving:  # after --help, --version or wrong use
            status = int(leaving.code or DONE)
        else:
            program = f"scumble {options.command}"
            status = _run(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ReaderLeftError:
        return FAILED
    except OutputError as error:
        _show_failure(Failure("disk", str(error)), program)
        return FAILED
    except Exception as error:
        _show_failure(describe(error), program)
        return WRONG_USE if isinstance(error, JobError) else FAILED
    return status


def _run(options: argparse.Namespace) -> int:
    """Run a command and return the exit status."""
    if options.command is None:
        build_parser().print_help(sys.stderr)
        return WRONG_USE
    tight = why_too_little()
    if tight and options.command != "worker":  # which says it in its own way
        raise LimitError(tight)
    return COMMANDS[options.command](options)


# Each command imports what it needs, so that none waits for the libraries of the others.


def _worker(options: argparse.Namespace) -> int:
    from engine.run_worker import work

    return work(options.folder, options.resume or "", waits=options.wait)


def _adviser(options: argparse.Namespace) -> int:
    from engine.dialog_adviser import advise

    return advise(options.folder)


def _doctor(options: argparse.Namespace) -> int:
    from engine.cli import doctor

    return doctor.measure() if options.measure else doctor.examine(as_json=options.json)


def _measure(options: argparse.Namespace) -> int:
    from engine.cli.measure import measure

    pictures = options.content, options.result, options.mask, options.style
    return measure(*pictures, as_json=options.json)


def _gallery(options: argparse.Namespace) -> int:
    from engine.cli.gallery import gallery

    return gallery(options.folder, lambda: gallery_request(options), quiet=options.quiet)


def _batch(options: argparse.Namespace) -> int:
    from engine.cli.batch import batch

    return batch(options)


def _estimate(options: argparse.Namespace) -> int:
    from engine.cli.estimate import estimate_files

    return estimate_files(options.jobs, as_json=options.json)


def _styles(options: argparse.Namespace) -> int:
    from engine.cli.styles import list_styles

    return list_styles(as_json=options.json)


def _resume(options: argparse.Namespace) -> int:
    if options.forget:
        return forget_state(options.state)
    return _paint(options) if options.state else list_states(as_json=options.json)


def _paint(options: argparse.Namespace) -> int:
    """Run `scumble stylize`, `scumble job` or `scumble resume`.

    Raises
    ------
    OutputError
        With --json, if standard output cannot be written to from the start.
    """
    program = f"scumble {options.command}"
    output = JsonOutput() if options.json else None
    terminal = Terminal(sys.stderr, quiet=options.quiet or options.json)
    if output is not None:
        output.write("hello")
        if isinstance(output.error, OutputError):
            raise output.error

    def failed(failure: Failure, status: int = FAILED) -> int:
        terminal.clear()
        _show_failure(failure, program)
        if output is not None:
            output.write("error", failure)
        return status

    on_event = terminal.show if output is None else output.event
    try:
        found, job = _state_and_job(options)
        output_files.check_files(job)
        if job.report:
            check_report(job)
        if options.command != "resume" and options.dry_run:
            from engine.cli.estimate import show_estimate

            show_estimate(job, as_json=options.json)
            return DONE
        if found is None and options.resume:
            found = state_to_resume(job, on_event)
        keeper = make_keeper(job, found, on_event, output)
    except JobError as error:
        return failed(describe(error), WRONG_USE)
    except Exception as error:
        return failed(describe(error))

    files: tuple[Path, ...] = ()
    report_failure: Failure | None = None
    try:
        with Interrupts(terminal) as interrupts:
            result = interrupts.run(lambda: _stylized(job, on_event, interrupts.stop, keeper))
            began = time.perf_counter()
            with interrupts.shield():
                files, notices = output_files.write(job, result)
                keeper.discard()
            seconds = time.perf_counter() - began
            result = dataclasses.replace(result, notices=(*result.notices, *notices))
            if job.report:
                on_event(Progress("write", 1, 2))
                page, report_failure = try_report(job, result, files, seconds)
                notices += page
            interrupts.finish()
    except KeyboardInterrupt:
        keeper.release()
        text = _("Stopped; nothing was written.")
        if files:
            text = _("{file} is written, without its report.").format(file=files[0])
        elif keeper.has_state:
            text = _("Stopped; nothing was written. '{command}' continues.")
            text = text.format(command=f"scumble resume {keeper.name}")
        terminal.say(text)
        # The network may be in the middle of a step and cannot be waited for.
        os._exit(INTERRUPTED)
    except Exception as error:
        if isinstance(error, FloatingPointError):
            keeper.discard()  # it would diverge again
        keeper.release()
        return failed(describe(error))
    on_event(Progress("write", 1, 1))
    for notice in notices:
        on_event(Notice(notice))
    terminal.clear()
    if output is not None:
        names = [str(each) for each in files]
        output.write("done", names, result, output_files.settings(job, result))
    status = _show_result(result_text(files, result), files[0], output, program)
    return failed(report_failure) if report_failure else status


def _state_and_job(options: argparse.Namespace) -> tuple[store.Found | None, Job]:
    """Return the job that a command line asks for, and the state that `scumble resume` names."""
    if options.command == "stylize":
        return None, job_from_options(options)
    if options.command == "job":
        return None, output_files.load(options.job, options.output or "", options.inputs or "")
    return chosen_state(options.state, options.output or "")


def _show_result(text: str, file: Path, output: JsonOutput | None, program: str) -> int:
    """Say where the result is; a reader who has left does not undo it."""
    try:
        if output is None:
            to_standard_output(text)
        elif output.error is not None:
            raise output.error
    except ReaderLeftError:
        return DONE
    except OutputError as error:
        text = _("The result is in {file}. {reason}").format(file=file, reason=error)
        _show_failure(Failure("disk", text), program)
        return FAILED
    return DONE


def _stylized(
    job: Job, on_event: Callable[[Event], None], stop: threading.Event, keeper: Keeper
) -> Result:
    from engine.run import stylize

    return stylize(job, on_event, stop, previews=False, keeper=keeper)


def _show_failure(failure: Failure, program: str) -> None:
    text = " ".join(part for part in (failure.message, failure.hint) if part)
    if failure.log:
        text += " " + _("Log: {file}").format(file=failure.log)
    to_standard_error(f"{program}: {text}")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "stylize": _paint,
    "job": _paint,
    "resume": _resume,
    "batch": _batch,
    "estimate": _estimate,
    "measure": _measure,
    "gallery": _gallery,
    "styles": _styles,
    "doctor": _doctor,
    "worker": _worker,
    "adviser": _adviser,
}
"""The function that runs each command of the parser, by the command's name."""
