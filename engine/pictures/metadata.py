"""Metadata of pictures: EXIF, XMP, IPTC and texts, carried from the content to the result.

An EXIF block is a TIFF file without pixels. Its entries are kept as bytes, as they were written, in
the byte order that they had: notes of a camera's maker may depend on it. (CIPA DC-008, TIFF 6.0.)
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any, Literal, NamedTuple

from PIL import ImageFile

from engine.translations import _

ORIENTATION, SOFTWARE, IMAGE_HISTORY = 0x0112, 0x0131, 0x9213
XMP_TAG, IPTC_TAG = 700, 33723
PHOTO, PLACE, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
WIDTH, HEIGHT = 0xA002, 0xA003
MAKER_NOTE = 0x927C

MAX_ENTRY = 1 << 24
"""Bytes; no entry that describes a picture has more."""

SETTINGS_TEXT = "Scumble"
"""The name of the settings among the texts of a PNG."""

_STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284}
    | {288, 289, 290, 291, 292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325}
    | {*range(330, 348), *range(512, 522), 529, 530, 531, 532, XMP_TAG, IPTC_TAG, 34377, 34675}
    | {37724, ORIENTATION, PHOTO, PLACE}
)
"""Entries that say how pixels are stored, which is the writer's business; of a TIFF's thumbnails
and Photoshop's copies, which would show the unpainted picture; and of what is kept elsewhere."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value of each type."""


class Entry(NamedTuple):
    """An entry of a directory: its type, the number of its values, and their bytes."""

    kind: int
    length: int
    data: bytes


Directory = Mapping[int, Entry]


@dataclass(frozen=True)
class Exif:
    """An EXIF block without thumbnail and orientation.

    Attributes
    ----------
    order : {'<', '>'}
        '<' for the byte order of Intel, '>' for that of Motorola.
    main, photo, place, interoperability : mapping of int to Entry
        What describes the picture, the photograph, its place, and the rules that it follows.
    """

    order: Literal["<", ">"] = "<"
    main: Directory = field(default_factory=dict)
    photo: Directory = field(default_factory=dict)
    place: Directory = field(default_factory=dict)
    interoperability: Directory = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.main or self.photo or self.place)

    def with_text(self, tag: int, text: str) -> Exif:
        """Return it with a text in ASCII among the main entries."""
        data = text.encode("ascii") + b"\0"
        return self.with_entries({tag: Entry(2, len(data), data)})

    def with_short(self, tag: int, number: int) -> Exif:
        """Return it with a number of 16 bits among the main entries."""
        return self.with_entries({tag: Entry(3, 1, struct.pack(f"{self.order}H", number))})

    def with_entries(self, entries: Directory) -> Exif:
        """Return it with more main entries."""
        return replace(self, main={**self.main, **entries})

    def with_size(self, width: int, height: int) -> Exif:
        """Return it with this size of the picture, where it says one."""
        sizes = {WIDTH: width, HEIGHT: height}
        photo = {
            tag: Entry(4, 1, struct.pack(f"{self.order}I", sizes[tag])) if tag in sizes else entry
            for tag, entry in self.photo.items()
        }
        return replace(self, photo=photo)

    def without_maker_note(self) -> Exif:
        """Return it without the notes of the camera's maker, which may be long."""
        photo = {tag: entry for tag, entry in self.photo.items() if tag != MAKER_NOTE}
        return replace(self, photo=photo)

    def text(self, tag: int) -> str:
        """Return a text among the main entries, or an empty one."""
        entry = self.main.get(tag)
        return entry.data.rstrip(b"\0").decode("utf-8", "replace") if entry else ""

    def block(self) -> bytes:
        """Return it as a TIFF file without pixels."""
        mark = b"II" if self.order == "<" else b"MM"
        return mark + struct.pack(f"{self.order}HI", 42, 8) + self.directories(8)

    def directories(self, offset: int) -> bytes:
        """Return its directories as they are at an offset of a TIFF file."""
        main, photo = dict(self.main), dict(self.photo)
        below = b""
        start = offset + _room(main, bool(photo or self.interoperability), bool(self.place))
        if photo or self.interoperability:
            at = start
            if self.interoperability:
                photo[INTEROPERABILITY] = self._pointer(at)
                below += _directory(self.interoperability, at, self.order)
                at += len(below)
            main[PHOTO] = self._pointer(at)
            below += _directory(photo, at, self.order)
        if self.place:
            main[PLACE] = self._pointer(start + len(below))
            below += _directory(self.place, start + len(below), self.order)
        return _directory(main, offset, self.order) + below

    def _pointer(self, offset: int) -> Entry:
        return Entry(4, 1, struct.pack(f"{self.order}I", offset))


@dataclass(frozen=True)
class Metadata:
    """The metadata of a picture file.

    Attributes
    ----------
    exif : Exif
    xmp, iptc : bytes
        As they are in the file; empty where it has none.
    texts : mapping of str to str
        The texts of a PNG.
    """

    exif: Exif = field(default_factory=Exif)
    xmp: bytes = b""
    iptc: bytes = b""
    texts: Mapping[str, str] = field(default_factory=dict)

    def sized(self, width: int, height: int) -> Metadata:
        """Return it for an upright picture of this size."""
        return replace(self, exif=self.exif.with_size(width, height),
                       xmp=_upright_xmp(self.xmp, width, height))  # fmt: skip


def read_metadata(image: ImageFile.ImageFile, file: IO[bytes]) -> tuple[Metadata, list[str]]:
    """Return the metadata of an open picture.

    Parameters
    ----------
    image : ImageFile
        Read, as the texts of a PNG may follow its pixels.
    file : binary file
        The file itself, for a TIFF, whose EXIF is all over it.

    Returns
    -------
    metadata : Metadata
        Without what is damaged.
    notes : list of str
        Sentences about that.
    """
    notes = []
    exif = Exif()
    try:
        if image.format == "TIFF":
            exif = parse_exif(file)
        else:
            block = _exif_block(image.info)
            exif = parse_exif(_Bytes(block)) if block else exif
    except (ValueError, OSError, struct.error):
        notes.append(_("its EXIF is damaged and is left out of the result."))
    texts = {
        name: str(text)
        for name, text in getattr(image, "text", {}).items()
        if name not in (SETTINGS_TEXT, "XML:com.adobe.xmp")
        and not name.startswith("Raw profile type")
    } if image.format == "PNG" else {}  # fmt: skip
    if _is_settings(exif.text(IMAGE_HISTORY)):
        main = {tag: entry for tag, entry in exif.main.items() if tag != IMAGE_HISTORY}
        exif = replace(exif, main=main)
    return Metadata(exif, _xmp(image), _iptc(image), texts), notes


def _is_settings(text: str) -> bool:
    return text.startswith('{"scumble"')


def parse_exif(file: IO[bytes] | _Bytes) -> Exif:
    """Return the entries of a TIFF file or an EXIF block.

    Parameters
    ----------
    file : binary file

    Raises
    ------
    ValueError, struct.error
        If it is damaged.
    """
    file.seek(0)
    head = file.read(8)
    order: Literal["<", ">"] = "<" if head[:2] == b"II" else ">"
    if head[:2] not in (b"II", b"MM") or struct.unpack(f"{order}H", head[2:4])[0] != 42:
        message = "no TIFF"
        raise ValueError(message)
    (offset,) = struct.unpack(f"{order}I", head[4:8])
    main = _read_directory(file, offset, order, _STRUCTURE - {PHOTO, PLACE})
    photo = _below(file, main.pop(PHOTO, None), order)
    place = _below(file, main.pop(PLACE, None), order)
    interoperability = _below(file, photo.pop(INTEROPERABILITY, None), order)
    return Exif(order, main, photo, place, interoperability)


def _below(file: IO[bytes] | _Bytes, pointer: Entry | None, order: str) -> dict[int, Entry]:
    if pointer is None:
        return {}
    return _read_directory(file, struct.unpack(f"{order}I", pointer.data)[0], order)


def _read_directory(
    file: IO[bytes] | _Bytes, offset: int, order: str, skipped: frozenset[int] = frozenset()
) -> dict[int, Entry]:
    file.seek(offset)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    raw = file.read(12 * count)
    if len(raw) < 12 * count:
        message = "a directory is cut off"
        raise ValueError(message)
    found: dict[int, Entry] = {}
    for number in range(count):
        tag, kind, values = struct.unpack_from(f"{order}HHI", raw, 12 * number)
        if tag in skipped or kind not in _SIZES:
            continue
        size = values * _SIZES[kind]
        data = raw[12 * number + 8 : 12 * number + 12]
        if size > 4:
            if size > MAX_ENTRY:
                message = "an entry is too long"
                raise ValueError(message)
            file.seek(struct.unpack(f"{order}I", data)[0])
            data = file.read(size)
            if len(data) < size:
                message = "an entry is cut off"
                raise ValueError(message)
        found[tag] = Entry(kind, values, data[:size])
    return found


def _room(main: Directory, photo: bool, place: bool) -> int:
    """Return the bytes of the main directory with its pointers to others."""
    entries = {
        **main,
        **({PHOTO: _POINTER} if photo else {}),
        **({PLACE: _POINTER} if place else {}),
    }
    return len(_directory(entries, 0, "<"))


_POINTER = Entry(4, 1, bytes(4))


def _directory(entries: Directory, offset: int, order: str) -> bytes:
    """Return a directory with its values after it."""
    table, values = b"", b""
    start = offset + 2 + 12 * len(entries) + 4
    for tag, (kind, count, data) in sorted(entries.items()):
        table += struct.pack(f"{order}HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
            continue
        table += struct.pack(f"{order}I", start + len(values))
        values += data + bytes(len(data) % 2)
    return struct.pack(f"{order}H", len(entries)) + table + bytes(4) + values


class _Bytes:
    """Bytes, read like a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        self._at += count
        return found


def _exif_block(info: Mapping[Any, Any]) -> bytes:
    """Return the EXIF block of a file that is no TIFF."""
    block = info.get("exif") or b""
    if not block and "Raw profile type exif" in info:  # a PNG by ImageMagick: hexadecimal
        block = bytes.fromhex("".join(str(info["Raw profile type exif"]).split("\n")[3:]))
    return bytes(block)[6:] if bytes(block[:6]) == b"Exif\0\0" else bytes(block)


def _xmp(image: ImageFile.ImageFile) -> bytes:
    """Return the XMP packet of an open picture."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not packet and image.format == "TIFF":
        packet = getattr(image, "tag_v2", {}).get(XMP_TAG, b"")
    for name, data in getattr(image, "applist", ()):
        if name == "APP1" and data.startswith(XMP_MARK):
            packet = data[len(XMP_MARK) :]
    if isinstance(packet, str):
        return packet.encode("utf-8", "replace")
    return packet if isinstance(packet, bytes) else b""


def _iptc(image: ImageFile.ImageFile) -> bytes:
    """Return the IPTC records of an open picture."""
    if image.format == "TIFF":
        found = getattr(image, "tag_v2", {}).get(IPTC_TAG, b"")
        if isinstance(found, (tuple, int)):  # stored as numbers of 32 bits
            numbers = found if isinstance(found, tuple) else (found,)
            order = getattr(image.tag_v2, "_endian", "<")  # type: ignore[attr-defined]
            found = struct.pack(f"{order}{len(numbers)}I", *numbers)
    else:
        blocks = image.info.get("photoshop")
        found = blocks.get(0x0404, b"") if isinstance(blocks, dict) else b""
    return found if isinstance(found, bytes) else b""


XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
IPTC_MARK = b"Photoshop 3.0\0"


def iptc_segment(iptc: bytes) -> bytes:
    """Return IPTC records as a JPEG's APP13 segment holds them."""
    return (
        IPTC_MARK + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
        + bytes(len(iptc) % 2)
    )  # fmt: skip


def _upright_xmp(xmp: bytes, width: int, height: int) -> bytes:
    """Return an XMP packet for an upright picture of this size, without a thumbnail."""
    numbers = {
        b"tiff:Orientation": 1,
        b"tiff:ImageWidth": width,
        b"tiff:ImageLength": height,
        b"exif:PixelXDimension": width,
        b"exif:PixelYDimension": height,
    }
    for name, number in numbers.items():
        value = rb"\g<1>%d\g<2>" % number
        xmp = re.sub(rb"(\b%s\s*=\s*[\"'])[^\"']*([\"'])" % name, value, xmp)
        xmp = re.sub(rb"(<%s\s*>)[^<]*(</%s\s*>)" % (name, name), value, xmp)
    return re.sub(rb"<(xmp|xap):Thumbnails\b.*?</\1:Thumbnails\s*>", b"", xmp, flags=re.DOTALL)
