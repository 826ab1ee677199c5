"""Scumble as an extension of GIMP 3: a file that GIMP unpacks when it is opened.

GIMP calls the format `.gex`: a zip with one folder, whose name is the extension's identifier, and
in it an AppStream file that names the plug-in. The extension holds all of Scumble but the packages
and the weights, so that the plug-in can run the installer. The folder is a plug-in for GIMP's
folder `plug-ins`, too. Standard library only.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import struct
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import engine
from engine.setup.datafolder import replace_bytes
from engine.setup.program import INSTALLER, read_program
from engine.translations import LANGUAGES, N_, _, in_language

ID = "org.gimp.GIMP.Plugin.Scumble"
"""The identifier, in the namespace that GIMP's plug-ins also have in Flatpak."""

ENTRY = f"{ID}.py"
"""The program that GIMP starts; named like the folder, as GIMP wants it in its plug-ins."""

SUFFIX = ".gex"

START = '''\
#!/usr/bin/env python3
"""The plug-in, where all of Scumble lies in one folder of GIMP."""

import os
import runpy
import sys

FOLDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "plugin", "scumble")
sys.path.insert(0, FOLDER)
runpy.run_path(os.path.join(FOLDER, "scumble.py"), run_name="__main__")
'''

SUMMARY = N_("Neural style transfer with regions")
DESCRIPTION = N_("Paints a layer in the style of other pictures, each in its own region.")

METADATA = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<component type="addon">
  <id>{ID}</id>
  <extends>org.gimp.GIMP</extends>
  <name>Scumble</name>
{{summaries}}
  <description>
{{descriptions}}
  </description>
  <metadata_license>MIT</metadata_license>
  <project_license>MIT</project_license>
  <requires>
    <id version="3.0" compare="ge">org.gimp.GIMP</id>
  </requires>
  <releases>
    <release version="{{version}}"/>
  </releases>
  <custom>
    <value key="GIMP::plug-in-path">{ENTRY}</value>
  </custom>
</component>
"""

SPLIT_MARK = b"PK00"
"""The mark that a zip may begin with (APPNOTE 8.5.4: split, but in one piece). GIMP 3.2 takes a
file that begins like a plain zip for a compressed picture and does not install it."""

PROGRAMS = (ENTRY, INSTALLER)
PROGRAM_MODE, FILE_MODE = 0o100755, 0o100644
LIBARCHIVE = 0x6C78
"""The extra field with the mode of a file. GIMP reads zips as a stream, without the directory at
their end, where the mode is otherwise. GIMP ignores a plug-in without the run bit."""

TEN_YEARS = 315_532_800
"""Ten years in seconds."""


def extension_files(checkout: Path) -> dict[str, bytes]:
    """Return the extension's files by their paths in its folder, from a checkout or a copy."""
    metadata = METADATA.format(
        version=escape(engine.__version__),
        summaries=_in_all_languages("  ", "summary", SUMMARY),
        descriptions=_in_all_languages("    ", "p", DESCRIPTION),
    )
    own = {f"{ID}.metainfo.xml": metadata.encode(), ENTRY: START.encode()}
    return {**own, **read_program(checkout)}


def _in_all_languages(indent: str, tag: str, text: str) -> str:
    """Return an element of the metadata in English, and in every language of the catalogs."""
    lines = [f"{indent}<{tag}>{escape(text)}</{tag}>"]
    for name in LANGUAGES:
        with in_language(name):
            lines.append(f'{indent}<{tag} xml:lang="{name}">{escape(_(text))}</{tag}>')
    return "\n".join(lines)


def write_extension(file: Path, checkout: Path) -> None:
    """Write the extension into a file, in place of one that is there.

    The same checkout gives the same bytes on every machine: files are stored as they are, sorted,
    and their time comes from their contents.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    replace_bytes(file, _archive(extension_files(checkout)))


def _archive(files: dict[str, bytes]) -> bytes:
    """Return the zip with these files."""
    moment = _moment(files)
    archive = io.BytesIO()
    archive.write(SPLIT_MARK)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as written:
        for path, content in files.items():
            entry = zipfile.ZipInfo(f"{ID}/{path}", moment)
            entry.create_system = 3  # Unix, also where this runs on Windows
            mode = PROGRAM_MODE if path in PROGRAMS else FILE_MODE
            entry.external_attr = mode << 16
            # A byte that says which fields follow: the version that made it, and two attributes.
            more = struct.pack("<BHHI", 7, 3 << 8 | entry.create_version, 0, entry.external_attr)
            entry.extra = struct.pack("<HH", LIBARCHIVE, len(more)) + more
            written.writestr(entry, content)
    return archive.getvalue()


def _moment(files: dict[str, bytes]) -> tuple[int, int, int, int, int, int]:
    """Return a time in the ten years from 2000 on that hardly any other contents have.

    GIMP asks a plug-in for its procedures only if the time of its file has changed, and Python
    compiles a module again only then.
    """
    sums = hashlib.sha256()
    for path, content in files.items():
        sums.update(hashlib.sha256(path.encode()).digest() + hashlib.sha256(content).digest())
    # Zips count in steps of two seconds.
    seconds = int.from_bytes(sums.digest()[:8], "big") % (TEN_YEARS // 2) * 2
    moment = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=seconds)
    return (*moment.timetuple()[:6],)
