"""EXIF, XMP, IPTC and texts of a content stay in its result, with the settings beside them."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, IptcImagePlugin, PngImagePlugin

from engine.pictures.metadata import IMAGE_HISTORY, iptc_segment
from engine.pictures.picture import read_picture, read_settings, read_stored, write_picture

SETTINGS = {"scumble": "0.1.0", "job": {"content": "Bäume.png"}}
_ROWS, _COLUMNS = np.mgrid[:20, :32]
PIXELS = np.stack([12 * _ROWS, 7 * _COLUMNS, 200 - 4 * _ROWS], axis=-1).astype(np.uint8)
FORMATS = ("png", "jpg", "tif", "webp")
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
tiff:Orientation="6" exif:PixelXDimension="9"><dc:rights>Ann</dc:rights>
<xmp:Thumbnails><rdf:Alt>secret</rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF>
</x:xmpmeta>"""
IPTC = b"\x1c\x02\x50\0\x03Ann" + b"\x1c\x02\x5a\0\x04Bonn"
"""Records of an author and a city (IPTC IIM 4.2)."""

PLACE = {1: "N", 2: (50.0, 44.0, 12.5), 3: "E", 4: (7.0, 6.0, 1.25)}


def exif(orientation: int = 1) -> Image.Exif:
    found = Image.Exif()
    found[0x010E] = "A lake"
    found[0x010F] = "Acme"
    found[0x0112] = orientation
    found[0x013B] = "Ann"
    found[0x8298] = "Ann, all rights"
    found[0x8769] = {0x9003: "2024:05:06 07:08:09", 0xA002: 32, 0xA003: 20, 0x927C: b"notes" * 5}
    found[0x8825] = PLACE
    return found


def with_thumbnail(block: bytes) -> bytes:
    """Return an EXIF block, of Pillow, with a thumbnail after it."""
    head, body = block[:6], bytearray(block[6:])
    (count,) = struct.unpack_from(">H", body, 8)
    struct.pack_into(">I", body, 10 + 12 * count, len(body))
    thumbnail = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(thumbnail, "JPEG")
    start = len(body) + 2 + 24 + 4
    body += struct.pack(">HHHIIHHIII", 2, 0x0201, 4, 1, start, 0x0202, 4, 1,
                        len(thumbnail.getvalue()), 0)  # fmt: skip
    return head + bytes(body) + thumbnail.getvalue()


def make(file: Path, orientation: int = 1) -> Path:
    block = with_thumbnail(exif(orientation).tobytes())
    image = Image.fromarray(PIXELS)
    if file.suffix == ".png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        texts.add_text("Author", "Ann")
        image.save(file, pnginfo=texts, exif=block)
    elif file.suffix == ".tif":
        tags = exif(orientation)
        tags[700], tags[33723] = XMP, IPTC
        image.save(file, exif=tags.tobytes())
    elif file.suffix == ".jpg":
        segment = iptc_segment(IPTC)
        extra = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
        image.save(file, xmp=XMP, extra=extra, quality=95, exif=block)
    else:
        image.save(file, xmp=XMP, lossless=True, exif=block)
    return file


def xmp_of(image: Image.Image) -> bytes:
    if image.format == "TIFF":
        return image.tag_v2[700]  # type: ignore[attr-defined]
    found = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    return found.encode() if isinstance(found, str) else found


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_who_when_and_where_stay(
    tmp_path: Path, source: str, ending: str, orientation: int
) -> None:
    content = read_stored(make(tmp_path / f"a.{source}", orientation))
    assert content.notes == ()
    output = tmp_path / f"out.{ending}"
    write_picture(output, content, SETTINGS)
    height, width = (20, 32) if orientation < 5 else (32, 20)
    with Image.open(output) as image:
        assert image.size == (width, height)
        found = image.getexif()
        photo = found.get_ifd(ExifTags.IFD.Exif)
        assert found[0x0112] == 1
        assert (found[0x010E], found[0x010F], found[0x013B]) == ("A lake", "Acme", "Ann")
        assert found[0x8298] == "Ann, all rights"
        assert photo[0x9003] == "2024:05:06 07:08:09"
        assert (photo[0xA002], photo[0xA003]) == (width, height)
        assert photo[0x927C] == b"notes" * 5
        assert dict(found.get_ifd(ExifTags.IFD.GPSInfo)) == PLACE
        assert not found.get_ifd(ExifTags.IFD.IFD1)
        xmp = xmp_of(image)
    assert b"<dc:rights>Ann</dc:rights>" in xmp
    assert b'tiff:Orientation="6"' not in xmp
    assert b'exif:PixelXDimension="%d"' % width in xmp
    assert b"secret" not in xmp
    assert read_settings(output) == SETTINGS
    # The picture is turned once.
    expected = read_picture(tmp_path / f"a.{source}").rgb
    assert np.abs(read_picture(output).rgb - expected).mean() < 4
    again = read_stored(output)
    assert again.metadata.exif.place == content.metadata.exif.place
    if ending != "png":
        write_picture(output, again, {**SETTINGS, "seed": 7})
        assert read_settings(output)["seed"] == 7


@pytest.mark.parametrize("source", ["jpg", "tif"])
def test_iptc_stays_where_there_is_a_place_for_it(tmp_path: Path, source: str) -> None:
    content = read_stored(make(tmp_path / f"a.{source}"))
    for ending in ("jpg", "tif"):
        assert write_picture(tmp_path / f"out.{ending}", content) == ()
        with Image.open(tmp_path / f"out.{ending}") as image:
            found = IptcImagePlugin.getiptcinfo(image)
        assert found == {(2, 80): b"Ann", (2, 90): b"Bonn"}
    for ending in ("png", "webp"):
        (note,) = write_picture(tmp_path / f"out.{ending}", content)
        assert "no place for the content's IPTC records" in note


def test_texts_of_a_png_stay_in_a_png(tmp_path: Path) -> None:
    content = read_stored(make(tmp_path / "a.png"))
    assert write_picture(tmp_path / "out.png", content, SETTINGS) == ()
    with PngImagePlugin.PngImageFile(tmp_path / "out.png") as image:
        assert image.text["Author"] == "Ann"
        assert json.loads(image.text["Scumble"]) == SETTINGS
    (note,) = write_picture(tmp_path / "out.jpg", content, SETTINGS)
    assert note == "Only PNG has a place for the content's texts (Author)."


@pytest.mark.parametrize("ending", FORMATS)
def test_damaged_exif_is_kept_out_with_a_note(tmp_path: Path, ending: str) -> None:
    if ending == "tif":
        data = make(tmp_path / "a.tif").read_bytes()
        # The directory of the photograph lies beyond the end of the file.
        at = data.index(struct.pack("<HHI", 0x8769, 4, 1)) + 8
        (tmp_path / "a.tif").write_bytes(data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :])
    else:
        block = b"Exif\0\0II*\0\x08\0\0\0\x09\0\x0e\x01\x02\0\xff\xff\0\0\x10\0\0\0"
        Image.fromarray(PIXELS).save(tmp_path / f"a.{ending}", exif=block)
    content = read_stored(tmp_path / f"a.{ending}")
    assert any("EXIF" in note for note in content.notes)
    write_picture(tmp_path / "out.jpg", content, SETTINGS)
    assert read_settings(tmp_path / "out.jpg") == SETTINGS


def test_exif_that_is_too_long_for_a_jpeg_gives_up_the_makers_notes_first(tmp_path: Path) -> None:
    long = exif()
    long[0x8769] = {0x9003: "2024:05:06 07:08:09", 0x927C: bytes(65_000)}
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=long)
    content = read_stored(tmp_path / "a.png")
    settings = {**SETTINGS, "more": "x" * 1000}
    assert write_picture(tmp_path / "out.jpg", content, settings) == ()
    assert read_settings(tmp_path / "out.jpg") == settings
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif()[0x013B] == "Ann"
    write_picture(tmp_path / "out.webp", content, settings)
    with Image.open(tmp_path / "out.webp") as image:
        assert len(image.getexif().get_ifd(ExifTags.IFD.Exif)[0x927C]) == 65_000


def test_the_settings_of_earlier_results_are_read(tmp_path: Path) -> None:
    before = Image.Exif()
    before[0x010E] = json.dumps(SETTINGS)
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=before)
    assert read_settings(tmp_path / "a.jpg") == SETTINGS
    assert IMAGE_HISTORY == 0x9213
