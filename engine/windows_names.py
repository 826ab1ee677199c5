"""Names that Windows gives to no file, and paths that are too long for it."""

from __future__ import annotations

import os
from pathlib import PureWindowsPath

from engine.messages import shown, shown_name
from engine.translations import _

LONGEST = 259
"""Characters of a path, unless the user of Windows has enabled longer ones."""

_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
_DEVICES |= {f"{port}{number}" for port in ("COM", "LPT") for number in "123456789¹²³"}


def why_no_name(path: str | os.PathLike[str], *, windows: bool = os.name == "nt") -> str:
    """Return why no file can have the name that a path ends with; empty if one can.

    Parameters
    ----------
    path : str or Path
    windows : bool
        Whether it is for Windows; other systems allow all of these names.
    """
    if not windows:
        return ""
    # Not `name`, which takes the text before a colon for a drive.
    name = os.fspath(path).replace("\\", "/").rpartition("/")[2]
    if name.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        return _("{name} is the name of a device in Windows; choose another name.").format(
            name=shown_name(name)
        )
    wrong = sorted({each for each in name if each in '<>:"|?*' or ord(each) < 32})
    if wrong:
        return _("A name in Windows has no {letter}, as in {name}; leave it out.").format(
            letter=shown(wrong[0]), name=shown_name(name)
        )
    if name != name.rstrip(". "):
        return _(
            "{name} ends with a dot or a space, which Windows leaves out; choose another."
        ).format(name=shown(name))
    return ""


def why_too_long(path: str | os.PathLike[str], *, windows: bool = os.name == "nt") -> str:
    """Return what to do about a path on which Windows failed; empty if it is short enough.

    Parameters
    ----------
    path : str or Path
        Absolute.
    windows : bool
        Whether it is Windows.
    """
    length = len(str(PureWindowsPath(path)))
    if not windows or length <= LONGEST:
        return ""
    return " " + _(
        "Its path has {length} characters, and Windows allows {most}; choose a folder with a "
        "shorter path, or enable long paths in Windows."
    ).format(length=length, most=LONGEST)
