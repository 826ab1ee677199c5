"""Tuning: what is quickest on this processor, kept with the record of speed.

That is the form of each kind of convolution (`models.forms`), the number of threads, and how long
onnxruntime's threads wait busily. An entry holds for one processor, one version of onnxruntime and
one number of usable processors; `engine.tuning_trials` measures it. Until there is one,
`USUAL_FORMS` is used and nothing else is changed. So results on one machine stay the same to the
last bit from one measurement to the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine import speed
from engine.threads import usable_processors
from engine.translations import _, listed
from models.forms import KINDS, Forms, Kind, possible_forms

MOST_SPIN = 10_000
"""Microseconds; more would keep the cores from other programs."""


@dataclass(frozen=True)
class Tuning:
    """The choices for one processor.

    Attributes
    ----------
    forms : Forms
        Of every kind in `KINDS`.
    threads : int
        The number that `--threads 0` takes.
    spin : int
        Microseconds for which a thread of onnxruntime waits busily before it sleeps.
    """

    forms: Forms
    threads: int
    spin: int


@dataclass(frozen=True)
class Trial:
    """The candidates of one choice.

    Attributes
    ----------
    subject : str
        What is chosen, in a few words.
    seconds : dict of str to float
        The fastest trial of each candidate, the usual one first.
    chosen : str
    """

    subject: str
    seconds: dict[str, float]
    chosen: str


def recorded() -> Tuning | None:
    """Return what was measured for this processor; None if nothing was."""
    return _from_entry(speed.entries().get(_key()))


def outdated() -> str:
    """Return why the measurements in the record do not hold now, as a sentence.

    It names what differs from the entry that is most like this machine. It is empty if an entry
    holds, or if there is none at all.
    """
    measured = [parts for parts in map(_parts, speed.entries()) if parts]
    if not measured or recorded() is not None:
        return ""
    changes = min((_changes(parts) for parts in measured), key=len)
    text = _("Changed since the last measurements: {changes}. Measuring what is quickest now.")
    if not changes:
        text = _("The measurements of this processor are damaged. Measuring what is quickest now.")
    return text.format(changes=listed(changes))


def record(tuning: Tuning, trials: Sequence[Trial]) -> None:
    """Put what was measured for this processor into the record."""
    forms = {name(kind): form for kind, form in tuning.forms.items()}
    entry = {"forms": forms, "threads": tuning.threads, "spin": tuning.spin}
    speed.enter(_key(), {**entry, "trials": [asdict(trial) for trial in trials]})


def recorded_trials() -> list[Trial]:
    """Return the trials behind what is recorded for this processor; none if nothing is."""
    entry: Any = speed.entries().get(_key())
    try:
        return [
            Trial(str(each["subject"]), dict(each["seconds"]), str(each["chosen"]))
            for each in entry["trials"]
        ]
    except (TypeError, KeyError, ValueError):
        return []


def name(kind: Kind) -> str:
    """Return the name of a kind of convolution in the record and in tables."""
    inputs, outputs, direction = kind
    return f"{inputs} to {outputs} channels, {direction}"


def subject_text(subject: str) -> str:
    """Return the subject of a trial in the language in use."""
    for inputs, outputs, direction in KINDS:
        if subject == name((inputs, outputs, direction)):
            text = _("{inputs} to {outputs} channels, forward")
            if direction == "adjoint":
                text = _("{inputs} to {outputs} channels, adjoint")
            return text.format(inputs=inputs, outputs=outputs)
    return _(subject)


def _key() -> str:
    return f"tuning, {usable_processors()} processors, {speed.machine()}"


def _changes(earlier: Sequence[str]) -> list[str]:
    """Return what differs between the parts of an entry's key and this machine."""
    texts = (
        _("number of usable cores ({now} instead of {before})"),
        _("version of onnxruntime ({now} instead of {before})"),
        _("processor ({now} instead of {before})"),
    )
    changes = []
    for text, now, before in zip(texts, _parts(_key()), earlier):
        if now != before:
            changes.append(text.format(now=now, before=before))
    return changes


def _parts(key: str) -> Sequence[str]:
    """Return the number of processors, the version of onnxruntime and the processor of a key.

    The key of an entry of another kind has no parts.
    """
    found = re.fullmatch(r"tuning, (\d+) processors, onnxruntime (\S+), (.*)", key)
    return found.groups() if found else ()


def _from_entry(entry: Any) -> Tuning | None:
    """Return the tuning of an entry; None if the entry is missing or damaged."""
    if not isinstance(entry, dict):
        return None
    try:
        forms = {kind: entry["forms"][name(kind)] for kind in KINDS}
        threads, spin = entry["threads"], entry["spin"]
    except (TypeError, KeyError):
        return None
    sound = all(form in possible_forms(kind) for kind, form in forms.items())
    if not sound or type(threads) is not int or not 0 < threads <= usable_processors():
        return None
    return Tuning(forms, threads, spin) if type(spin) is int and 0 <= spin <= MOST_SPIN else None
