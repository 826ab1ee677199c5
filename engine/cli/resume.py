"""`scumble resume`: the list of interrupted paintings, and the state that a run continues."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from engine import output_files
from engine.cli.terminal import to_standard_output
from engine.errors import StateError
from engine.events import Notice, OnEvent
from engine.job import Job, JobError
from engine.messages import shown_name
from engine.states import store
from engine.translations import _

if TYPE_CHECKING:
    from engine.cli.json_output import JsonOutput
    from engine.states.keeper import Keeper


def list_states(*, as_json: bool) -> int:
    """Print what can be resumed, the newest first; return the exit status."""
    found = store.read_all()
    for each in found:
        if as_json:
            if not each.problem:
                about = {**each.about, "painting": store.is_held(each.name)}
                about.update(job=each.job.to_dict(), origin=each.data["origin"])
                to_standard_output(json.dumps(about, ensure_ascii=True))
        elif each.problem:
            to_standard_output(each.problem)
        else:
            to_standard_output(_line(each))
    if not found and not as_json:
        to_standard_output(_("There is nothing to resume."))
    return 0


def forget_state(name: str | None) -> int:
    """Remove a state; return the exit status.

    Raises
    ------
    JobError
        If none is named, or there is none of this name.
    StateError
        If a process is painting its job.
    """
    if not name:
        raise JobError(_("--forget: needs the name of a state; 'scumble resume' lists them."))
    found = store.choose(name) if name == "latest" else store.read(name)
    if found is None:
        found = store.choose(name)  # says which ones there are
    if not store.forget(found.name):
        message = _("{name} is being painted by another process.")
        raise StateError(message.format(name=found.name))
    to_standard_output(_("Removed the state of {name}.").format(name=found.name))
    return 0


def chosen_state(wanted: str, output: str) -> tuple[store.Found, Job]:
    """Return the state that a user means, and its job.

    Parameters
    ----------
    wanted : str
        The name of a state, 'latest', or a job file.
    output : str
        The file to write, in place of the one in the job.

    Raises
    ------
    JobError
        If there is no such state, or no file to write.
    StateError
        If it cannot be used.
    """
    if wanted != "latest" and store.read(wanted) is None and os.path.isfile(wanted):
        from engine.states.keeper import find_state

        found = find_state(output_files.load(wanted))
        if found is None:
            message = _("There is no saved state of the job in {name}.")
            raise JobError(message.format(name=shown_name(wanted)))
    else:
        found = store.choose(wanted)
    job = replace(found.job, output=output) if output else found.job
    if not job.output:
        message = _("{name} was painted for GIMP; name the file to write with --output.")
        raise JobError(message.format(name=found.name))
    return found, job


def state_to_resume(job: Job, on_event: OnEvent) -> store.Found | None:
    """Return the state of a job, for --resume; say so if there is none."""
    from engine.states.keeper import find_state

    found = find_state(job)
    if found is None:
        text = _("There is no saved state of this painting; it starts from the beginning.")
        on_event(Notice(text))
    return found


def make_keeper(
    job: Job, found: store.Found | None, on_event: OnEvent, lines: JsonOutput | None
) -> Keeper:
    """Return the keeper of a run's state, and say what it resumes or could resume.

    Parameters
    ----------
    job : Job
    found : Found or None
        The state to resume.
    on_event : callable
    lines : JsonOutput or None
        Where lines for programs go.
    """
    from engine.states.keeper import Keeper

    keeper = Keeper(job, on_event, found=found)
    if lines is not None:
        if found is not None:
            lines.write("resumed", found.about)
        elif keeper.older is not None:
            lines.write("resumable", keeper.older.about)
    elif found is not None:
        text = _("{name} continues at {place}.")
        on_event(Notice(text.format(name=found.name, place=found.how_far)))
    elif keeper.older is not None:
        text = _(
            "This painting was interrupted at {place}; --resume or '{command}' continues it. This "
            "run starts from the beginning."
        )
        command = f"scumble resume {keeper.name}"
        on_event(Notice(text.format(place=keeper.older.how_far, command=command)))
    return keeper


def _line(found: store.Found) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.when))
    job = found.job
    text = _("{name}: {content} for {output}, {place}, saved {when}")
    if store.is_held(found.name):
        text = _("{name}: {content} for {output}, {place}, saved {when}, being painted now")
    return text.format(
        name=found.name,
        content=shown_name(job.content),
        output=shown_name(job.output) if job.output else "GIMP",
        place=found.how_far,
        when=when,
    )
