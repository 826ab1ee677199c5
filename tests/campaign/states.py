"""Saved states of interrupted paintings, damaged: each is resumed, or refused in one sentence."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.cli.resume import chosen_state
from engine.paths import states_folder
from engine.pictures.picture import read_picture
from engine.states import store
from tests.campaign.case import Case, check, check_failure, check_sentence
from tests.campaign.home import data_folder
from tests.campaign.mutations import TEXTS, mutated, value
from tests.campaign.processes import SAVE_OFTEN, is_gone, preload, start
from tests.engine.programs import HEIGHT, WIDTH, make_pictures

REAL = 30
"""One in so many is really resumed."""


@dataclass
class State:
    """The folder of the pictures, the data folder, and a copy of the saved states."""

    place: Path
    home: Path
    saved: Path


@contextmanager
def prepared(folder: Path) -> Iterator[State]:
    """Kill a painting that has saved its state."""
    home = data_folder(folder)
    place, saved = folder / "pictures", folder / "saved"
    place.mkdir(exist_ok=True)
    make_pictures(place)
    preload()
    shutil.rmtree(states_folder(), ignore_errors=True)
    arguments = ("stylize", "content.png", "out.png", "--style", "waves.png", "--iterations", "200")
    process = start((*arguments, "--json"), place, home, before=SAVE_OFTEN, fresh=False)
    last = time.monotonic() + 60
    while not list(states_folder().glob(f"*/{store.STATE}")):
        check(time.monotonic() < last and process.poll() is None, "no state is saved")
        time.sleep(0.02)
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    shutil.rmtree(saved, ignore_errors=True)
    shutil.copytree(states_folder(), saved)
    yield State(place, home, saved)


def attempt(state: State, case: Case) -> str:
    """Damage one file of the state, then list and choose it, and sometimes resume it."""
    folder = states_folder()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(state.saved, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = case.chance.choice([*files, *(each for each in files if each.name == store.STATE)])
    data = _damaged(case.chance, file)
    case.keep(file.name.lstrip("."), data)
    file.write_bytes(data)
    for each in store.read_all():
        if each.problem:
            check_sentence(each.problem, hostile=True)
    if case.number % REAL == 0:
        return f"{file.name}: " + _resume(state)
    try:
        found, _ = chosen_state("latest", str(state.place / "out.png"))
        store.check_inputs(found)
    except Exception as error:
        return f"{file.name}: refused ({check_failure(error, hostile=True)})"
    return f"{file.name}: chosen"


def _damaged(chance: random.Random, file: Path) -> bytes:
    data = file.read_bytes()
    if file.suffix != ".json" or chance.random() < 0.4:
        return mutated(chance, data)
    whole = json.loads(data)
    owner = whole
    for _ in range(3):
        inner = [each for each in owner.values() if isinstance(each, dict) and each]
        if inner and chance.random() < 0.6:
            owner = chance.choice(inner)
    name = chance.choice(list(owner)) if chance.random() < 0.95 else chance.choice(TEXTS)
    if chance.random() < 0.2:
        owner.pop(name, None)
    else:
        owner[name] = value(chance)
    return json.dumps(whole).encode("utf-8", "surrogatepass")


def _resume(state: State) -> str:
    """Resume it in a process of its own."""
    out = state.place / "out.png"
    out.unlink(missing_ok=True)
    arguments = ("resume", "latest", "--output", "out.png")
    with (state.place.parent / "errors").open("w+b") as errors:
        process = start(arguments, state.place, state.home, fresh=False, stderr=errors)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            if pipe is process.stdout:
                pipe.read()
            pipe.close()
        status = process.wait(120)
        errors.seek(0)
        words = errors.read().decode("utf-8", "backslashreplace")
    check(is_gone(process.pid), "a process is left")
    check("Traceback" not in words, words[-1500:])
    if status == 0:
        check(read_picture(out).rgb.shape == (HEIGHT, WIDTH, 3), "a partial result")
        return "resumed"
    check(not out.exists(), f"status {status} with a result")
    last = words.strip().splitlines()[-1]
    check(last.startswith("scumble"), last)
    check_sentence(last.partition(": ")[2], hostile=True)
    check("Internal error" not in last, last)
    return f"not resumed (status {status})"
