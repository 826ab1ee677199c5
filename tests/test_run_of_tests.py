"""`tests/run_all.py`: what is said of the parts, and the exit status."""

from __future__ import annotations

import pytest

from tests import run_all as runner
from tests.run_all import ALL_WELL, FAILED, NO_TESTS, Part

INTERRUPTED = 2


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return the exit statuses to give to the parts, by their names; the others do well."""
    statuses: dict[str, int] = {}

    def run(part: Part, arguments: list[str], prints: bool) -> None:
        part.status = statuses.get(part.name, ALL_WELL)
        part.output = b"" if prints else f"output of {part.name}\n".encode()
        part.failed = [f"a test {part.name}"] if part.status == FAILED else []

    monkeypatch.setattr(runner, "run", run)
    monkeypatch.setattr(runner, "versions", lambda: ["3.0", "3.2"])
    return statuses


def test_failed_tests_are_listed_at_the_end_and_the_worst_status_counts(
    ends: dict[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    ends["in GIMP 3.0"] = FAILED
    ends["without GIMP"] = NO_TESTS
    assert runner.main([]) == FAILED
    lines = capfd.readouterr().out.splitlines()
    assert lines == [
        "output of in GIMP 3.2",
        "Time of the tests: without GIMP 0 s, in GIMP 3.0 0 s, in GIMP 3.2 0 s.",
        "Failed (1):",
        "a test in GIMP 3.0",
    ]


@pytest.mark.parametrize("found, status", [(NO_TESTS, NO_TESTS), (ALL_WELL, ALL_WELL)])
def test_a_choice_that_leaves_no_test_at_all_is_an_error(
    ends: dict[str, int], found: int, status: int
) -> None:
    ends.update({"without GIMP": NO_TESTS, "in GIMP 3.0": NO_TESTS, "in GIMP 3.2": found})
    assert runner.main(["-k", "name"]) == status


def test_nothing_follows_a_part_that_was_interrupted(
    ends: dict[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    ends["without GIMP"] = INTERRUPTED
    assert runner.main([]) == INTERRUPTED
    assert "GIMP 3" not in capfd.readouterr().out


def test_without_gimp_there_is_one_part(
    ends: dict[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["--without-gimp"]) == ALL_WELL
    assert capfd.readouterr().out == "Time of the tests: without GIMP 0 s.\n"
