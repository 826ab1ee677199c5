"""What the commands do, from the command line to the exit status."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Callable

from engine import output_files
from engine.cli.interrupts import Interrupts
from engine.cli.options import build_parser, job_from_options, wish_from_options
from engine.cli.terminal import Terminal, result_text, to_standard_output
from engine.errors import Failure, describe
from engine.events import Notice, Progress
from engine.job import Job, JobError
from engine.protocol import Lines
from engine.report.folder import check_report, try_report

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from engine.run import Result

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return the exit status.

    0: done; 1: it failed; 2: asked for wrongly; 130: interrupted, nothing was written.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as this runs
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return WRONG_USE
    try:
        if options.command == "worker":
            from engine.worker import work

            return work(options.folder)
        if options.command == "doctor":
            from engine.cli.doctor import examine

            return examine(as_json=options.json)
        if options.command == "measure":
            from engine.cli.measure import measure

            return measure(
                options.content, options.result, options.mask, options.style, as_json=options.json
            )
        if options.command == "gallery":
            from engine.cli.gallery import gallery

            return gallery(options.folder, lambda: wish_from_options(options), quiet=options.quiet)
        return _paint(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; Python must not find that out again at its exit.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        return FAILED
    except Exception as error:
        _show_failure(describe(error), f"{parser.prog} {options.command}")
        return WRONG_USE if isinstance(error, JobError) else FAILED


def _paint(options: argparse.Namespace) -> int:
    """Run `scumble stylize` or `scumble job`."""
    lines = Lines(sys.stdout.fileno()) if options.json else None
    terminal = Terminal(sys.stderr, quiet=options.quiet or options.json)
    if lines is not None:
        lines.hello()

    def failed(error: BaseException, status: int) -> int:
        failure = describe(error)
        terminal.clear()
        _show_failure(failure, f"scumble {options.command}")
        if lines is not None:
            lines.error(failure)
        return status

    try:
        job = job_from_options(options) if options.command == "stylize" else _loaded(options)
        output_files.check_files(job)
        if job.report:
            check_report(job)
    except JobError as error:
        return failed(error, WRONG_USE)
    except Exception as error:
        return failed(error, FAILED)

    report = terminal.report if lines is None else lines.event
    files: tuple[Path, ...] = ()
    unreported: Failure | None = None
    try:
        with Interrupts(terminal) as interrupts:
            result = interrupts.run(lambda: _stylized(job, report, interrupts.stop))
            began = time.perf_counter()
            files, notices = output_files.write(job, result)
            result = dataclasses.replace(result, notices=(*result.notices, *notices))
            if job.report:
                report(Progress("write", 1, 2))
                page, unreported = try_report(job, result, files, time.perf_counter() - began)
                notices += page
            report(Progress("write", 1, 1))
    except KeyboardInterrupt:
        # The network may be in the middle of a step and cannot be waited for.
        terminal.say("Stopped; nothing was written." if not files else f"{files[0]} is written.")
        os._exit(INTERRUPTED)
    except BrokenPipeError:
        raise
    except Exception as error:
        return failed(error, FAILED)
    for notice in notices:
        report(Notice(notice))
    terminal.clear()
    if lines is None:
        to_standard_output(result_text(files, result))
    else:
        lines.done([str(each) for each in files], result, output_files.settings(job, result))
    if unreported:
        _show_failure(unreported, f"scumble {options.command}")
        if lines is not None:
            lines.error(unreported)
        return FAILED
    return DONE


def _loaded(options: argparse.Namespace) -> Job:
    """Return the job of `scumble job`, with its output."""
    job = output_files.load(options.job)
    if options.output:
        job = dataclasses.replace(job, output=options.output)
    if os.path.exists(job.output) and os.path.samefile(job.output, options.job):
        message = f"The result would replace {options.job} itself; name another file with --output."
        raise JobError(message)
    return job


def _stylized(job: Job, report: Callable[[Any], None], stop: threading.Event) -> Result:
    from engine.run import stylize

    return stylize(job, report, stop)


def _show_failure(failure: Failure, program: str) -> None:
    text = " ".join(part for part in (failure.message, failure.hint) if part)
    if failure.log:
        text += f" Log: {failure.log}"
    sys.stderr.write(f"{program}: {text}\n")
    sys.stderr.flush()
