"""Commands of the installer end with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.setup.subprocesses import output_of
from tests.engine.programs import CHECKOUT

WAITS = "import os, time; open({file!r}, 'w').write(str(os.getpid())); time.sleep(60)"
ASKS = """
import sys; from pathlib import Path; from engine.setup.subprocesses import output_of
output_of(Path(sys.executable), {code!r})
"""


def test_code_for_another_python_gives_what_it_prints() -> None:
    python = Path(sys.executable)
    assert output_of(python, "print('å', end='')") == "å".encode()
    with pytest.raises(subprocess.CalledProcessError):
        output_of(python, "raise SystemExit(3)")


@pytest.mark.skipif(os.name == "nt", reason="it asks for a process by its number")
def test_code_for_another_python_ends_when_its_asker_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = ASKS.format(code=WAITS.format(file=str(file)))
    asker = subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT)
    last = time.monotonic() + 30
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < last
        time.sleep(0.01)
    asker.kill()
    asker.wait()
    while _runs(int(file.read_text())):
        assert time.monotonic() < last
        time.sleep(0.01)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
