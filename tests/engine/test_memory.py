"""Memory of the machine, of a container and of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine import memory as memory_module
from engine.memory import memory, peak
from tests.engine.programs import CHECKOUT, check_sentence, make_pictures, scumble

GB = 10**9


def test_memory_is_positive_and_free_is_a_part_of_it() -> None:
    total, free = memory()
    assert 0 < free < total


def test_the_peak_stays_when_the_memory_is_given_back() -> None:
    """In a process of its own, since the peak of this one is anybody's guess."""
    code = """
from engine.memory import memory, peak
before = peak()
block = bytearray(b"x") * 80_000_000
while_there = peak()
del block
print(before, while_there, peak(), memory()[0])
"""
    own = bytearray(b"x") * 120_000_000  # which the new process must not count as its own
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    before, there, after, total = map(int, done.stdout.split())
    assert len(own) < peak() < total
    assert 0 < before < 100_000_000
    assert before + 75_000_000 < there < total
    assert after > there - 5_000_000  # the kernel counts in steps


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
def test_a_limit_of_address_space_counts() -> None:
    code = """
import resource
from engine.memory import memory
resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9))
there = memory()
block = bytearray(500_000_000)  # address space, which nothing is written to
print(*there, memory().free)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    total, free, less = map(int, done.stdout.split())
    assert total <= 3 * 10**9
    assert free < total
    assert less <= free - 490_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
@pytest.mark.parametrize("megabytes", [90, 300, 850])
def test_too_little_address_space_is_one_sentence(megabytes: int, tmp_path: Path) -> None:
    """OpenBLAS and the C++ runtime would end the process in their own words."""
    make_pictures(tmp_path)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({megabytes}_000_000,) * 2)\n"
    arguments = ("stylize", "content.png", "out.png", "--style", "oil.png")
    done = scumble(*arguments, home=tmp_path / "home", folder=tmp_path, before=limit)
    assert done.returncode == 1
    check_sentence(done.stderr, f"{megabytes} MB of address space", "ulimit -v")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a made-up folder of control groups, in which this process is in /house/room."""
    real = memory_module._read

    def read(file: Path) -> str:
        return "0::/house/room\n" if file == Path("/proc/self/cgroup") else real(file)

    monkeypatch.setattr(memory_module, "_read", read)
    (tmp_path / "house" / "room").mkdir(parents=True)
    return tmp_path


def limit(folder: Path, most: str, used: int, cached: int = 0) -> None:
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


def test_the_limits_of_all_groups_around_a_process_count(groups: Path) -> None:
    limit(groups / "house", str(4 * GB), GB, cached=GB // 2)
    limit(groups / "house" / "room", "max", GB)
    assert memory_module._control_groups(groups) == [(4 * GB, GB // 2)]
    limit(groups / "house" / "room", str(2 * GB), GB)
    assert memory_module._control_groups(groups) == [(2 * GB, GB), (4 * GB, GB // 2)]


def test_a_limit_below_the_machines_memory_is_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_module, "_control_groups", lambda: [(GB, GB // 4)])
    assert memory() == (GB, min(3 * GB // 4, memory().free))
    monkeypatch.setattr(memory_module, "_control_groups", lambda: [(GB, 2 * GB)])
    assert memory() == (GB, 0)
