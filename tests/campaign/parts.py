"""Parts of the campaign, in a table."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """One part of the campaign.

    Attributes
    ----------
    name : str
        The name of the part and of its module, which has `prepared`, a context manager that is
        given the part's folder and gives what all cases share, and `attempt`, which tries one case
        and returns a word for how it ended, or raises.
    text : str
        What it proves.
    share : float
        Its share of the time.
    """

    name: str
    text: str
    share: float

    def load(self) -> Any:
        """Return the part's module."""
        return importlib.import_module(f"tests.campaign.{self.name}")

    def why_skipped(self) -> str:
        """Return why this machine cannot run the part; empty if it can."""
        module = self.load()
        return module.why_skipped() if hasattr(module, "why_skipped") else ""


PARTS = (
    Part("job_files", "Every job file is a job or one plain sentence.", 1),
    Part("command_lines", "Every command line is refused in one plain sentence or obeyed.", 1),
    Part("pictures", "Every file is a picture or one plain sentence.", 2),
    Part("arrays", "Every .npy file is a picture or one plain sentence.", 1),
    Part("states", "Every saved state is resumed or refused in one plain sentence.", 1),
    Part("streams", "Every protocol stream is obeyed or refused, on both sides.", 1),
    Part("engine_kills", "A killed engine loses nothing and leaves nothing.", 6),
    Part("installer_kills", "A killed install.py is completed by the next run.", 4),
    Part("gimp_kills", "A killed plug-in or engine leaves the image in GIMP as it was.", 4),
    Part("full_disk", "A disk that fills at any write loses nothing.", 2),
    Part("crowds", "Eight engines at once paint what each paints alone.", 1),
    Part("little_memory", "With little memory there is a result or one plain sentence.", 2),
    Part("clocks", "Clocks that jump change nothing.", 1),
    Part("long_runs", "Nothing grows over many paintings.", 2),
)
