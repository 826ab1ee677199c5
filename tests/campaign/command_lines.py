"""Command lines: words of the commands in any order, with odd values."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from engine.cli.commands import main
from engine.cli.parser import build_parser
from tests.campaign.case import Case, check, check_sentence
from tests.campaign.home import data_folder
from tests.campaign.mutations import TEXTS, number
from tests.engine.programs import command, environment, make_pictures

COMMANDS = ("stylize", "job", "measure", "gallery", "worker", "resume", "batch")
"""Commands to try in this process; `doctor` and `estimate` compute for seconds."""

FILES = ("content.png", "waves.png", "oil.png", "ramp.png", "out.png", "gone.png", "folder", "rest")
REAL = 100
"""One in so many is a process of its own."""


@dataclass
class State:
    """The folder of the files, the words that commands know, and where output goes."""

    place: Path
    home: Path
    words: list[str]
    output: IO[bytes]


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make a folder with pictures to name, and let no command paint."""
    import engine.run

    home = data_folder(folder)
    place = folder / "lines"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    (place / "folder").mkdir(exist_ok=True)
    (place / "job.json").write_text('{"content": "content.png"}', encoding="utf-8")
    os.chdir(place)

    def no_painting(*_: object, **__: object) -> None:
        message = "the campaign paints nothing"
        raise FloatingPointError(message)

    engine.run.stylize = no_painting  # type: ignore[assignment]
    with (folder / "output").open("w+b") as output:
        yield State(place, home, known_words(), output)


def known_words() -> list[str]:
    """Return every option of every command."""
    found = set()
    for line in (build_parser().format_help(), *map(help_of, COMMANDS)):
        found |= set(re.findall(r"--[a-z][\w-]*", line))
    return sorted(found - {"--json"} | {"-h", "--", "-1", "-x", "--no-such-option"})


def help_of(name: str) -> str:
    """Return a command's help; empty for one that does not exist."""
    said, sys.stdout = sys.stdout, io.StringIO()
    try:
        with suppress(SystemExit):
            build_parser().parse_args([name, "--help"])
        return sys.stdout.getvalue()
    finally:
        sys.stdout = said


def attempt(state: State, case: Case) -> str:
    """Try one command line."""
    arguments = line(state, case)
    case.keep("line.txt", repr(arguments))
    with suppress(OSError):
        (state.place / "out.png").unlink()
    if case.number % REAL == 0:
        with suppress(ValueError):  # null characters and halves of pairs cannot be passed on
            return "a process: " + real(state, arguments)
    state.output.seek(0)
    state.output.truncate()
    before = sys.stdout, sys.stderr
    sys.stdout = text_file(state.output, "strict")
    sys.stderr = text_file(state.output, "backslashreplace")
    try:
        status = main(arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.close()
        sys.stdout, sys.stderr = before
    state.output.seek(0)
    said = state.output.read().decode("utf-8", "backslashreplace")
    return judged(status, said)


def text_file(output: IO[bytes], errors: str) -> io.TextIOWrapper:
    """Return a stream of text that is written into a file."""
    return io.TextIOWrapper(open(os.dup(output.fileno()), "ab"), "utf-8", errors)


def real(state: State, arguments: list[str]) -> str:
    """Try a command line in a process of its own."""
    done = subprocess.run(
        command((*arguments, "--no-such-option")),
        cwd=state.place,
        env=environment(state.home),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return judged(done.returncode, done.stdout + done.stderr)


def judged(status: int, said: str) -> str:
    """Check what a command printed, and its exit status."""
    check("Traceback" not in said, said[-2000:])
    check(status in (0, 1, 2), f"status {status}: {said[-500:]}")
    if status == 0:
        return "obeyed"
    if said.startswith("usage: scumble"):
        return "no command: help"
    lines = [each for each in said.splitlines() if each]
    check(lines, f"status {status} without a word")
    check(lines[-1].startswith("scumble"), f"the last line is {lines[-1]!r}")
    sentence = lines[-1].partition(": ")[2]
    check_sentence(sentence, hostile=True)
    internal = "Internal error" in sentence
    check(not internal, sentence)
    return f"refused (status {status})"


def line(state: State, case: Case) -> list[str]:
    """Return a command line."""
    chance = case.chance
    words: list[str] = []
    if chance.random() < 0.97:
        words.append(chance.choice(COMMANDS) if chance.random() < 0.5 else "stylize")
    if words and words[0] == "stylize" and chance.random() < 0.8:
        words += ["content.png", "out.png", "--style", "waves.png"]
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
        if chance.random() < 0.7:
            words.append(chance.choice(state.words))
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            words.append(_value(case))
    if chance.random() < 0.1:
        chance.shuffle(words)
    return words


def _value(case: Case) -> str:
    chance = case.chance
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(FILES)
    if kind == 1:
        return str(number(chance))
    # No system passes on a null character, and no gallery is to be made in the root folder.
    return chance.choice([text for text in TEXTS if "\0" not in text and text != "/"])
