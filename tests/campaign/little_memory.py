"""Little memory: limits of address space, and a memory group that shrinks during a run."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine.pictures.picture import read_picture
from tests.campaign.case import Case, check, check_sentence
from tests.campaign.home import data_folder
from tests.engine.programs import HEIGHT, WIDTH, command, environment, make_pictures

MEGABYTE = 1 << 20
GROUPS = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))


@dataclass
class State:
    """The folder of the pictures, the data folder, and a memory group's limit, if there is one."""

    place: Path
    home: Path
    limit: Path | None


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Make a memory group, where that is allowed."""
    home = data_folder(folder)
    place = folder / "pictures"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    with _memory_group() as limit:
        yield State(place, home, limit)


@contextmanager
def _memory_group() -> Iterator[Path | None]:
    name = f"scumble-campaign-{secrets.token_hex(4)}"
    for parent, limit in GROUPS:
        group = Path(parent) / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / limit).exists():
                yield group / limit
                return
        finally:
            group.rmdir()
    yield None


def attempt(state: State, case: Case) -> str:
    """Paint with little memory: a result, or one sentence, and the old result stays."""
    chance = case.chance
    shrinking = state.limit is not None and chance.random() < 0.4
    size = round(chance.uniform(20, 250) if shrinking else chance.uniform(60, 1500)) * MEGABYTE
    file = state.place / "out.png"
    file.unlink(missing_ok=True)
    old = b"an old result" if chance.random() < 0.5 else b""
    if old:
        file.write_bytes(old)
    line = chance.randrange(1, 9)
    case.keep("how.txt", f"{size // MEGABYTE} MB, " + (f"from line {line}" if shrinking else "all"))

    def limit() -> None:
        if not shrinking:
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
        elif state.limit is not None:
            (state.limit.parent / "cgroup.procs").write_text(str(os.getpid()))

    arguments = ("stylize", "content.png", "out.png", "--style", "waves.png", "--iterations", "20")
    if shrinking and state.limit is not None:
        state.limit.write_text(str(2048 * MEGABYTE))
    process = subprocess.Popen(
        command((*arguments, "--json")), cwd=state.place, env=environment(state.home),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=limit,
    )  # fmt: skip
    assert process.stdout is not None
    if shrinking and state.limit is not None:
        for _ in range(line):
            process.stdout.readline()
        with suppress(OSError):  # busy: the pages cannot be given back
            state.limit.write_text(str(size))
    _, errors = process.communicate(timeout=120)
    words, status = errors.decode("utf-8", "backslashreplace"), process.returncode
    how = "the group shrinks" if shrinking else "a limit"
    if status == 0:
        check(read_picture(file).rgb.shape == (HEIGHT, WIDTH, 3), "a partial result")
        return f"{how}: painted"
    there = file.read_bytes() if file.exists() else b""
    check(there == old, "the old result is lost")
    if status == -signal.SIGKILL and shrinking:
        return f"{how}: killed by the system"
    check(status == 1, f"status {status}: {words[-1500:]}")
    check("Traceback" not in words, words[-1500:])
    last = words.strip().splitlines()[-1]
    check_sentence(last.partition(": ")[2])
    check("Internal error" not in last, last)
    return f"{how}: refused"
