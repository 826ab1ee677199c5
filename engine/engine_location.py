"""Location of the engine, which the installer writes beside the plug-in. Standard library only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

LOCATION_FILE = "engine.json"


@dataclass(frozen=True)
class EngineLocation:
    """The location of an engine.

    Attributes
    ----------
    python : str
        The path of its Python.
    home : str
        The path of its data folder.
    version : str
    """

    python: str
    home: str
    version: str

    @classmethod
    def from_text(cls, text: str) -> EngineLocation:
        """Return the location in the text of a file.

        Raises
        ------
        ValueError
            If it has none.
        """
        try:
            data = json.loads(text)
            return cls(str(data["python"]), str(data["home"]), str(data["version"]))
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from error

    def text(self) -> str:
        """Return the text of the file."""
        return json.dumps(asdict(self), indent=1) + "\n"
