"""The paintings that come along: their names, and what is known about each.

Standard library only: the plug-in carries a copy of this file. The pictures lie beside the engine's
own copy, as `NAME.jpg`; `SOURCES.md` says where they come from.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

GCOMPRIS = "Debian package gcompris-qt-data 3.1"
OPENCV = "Debian package opencv-doc 4.6.0"


@dataclass(frozen=True)
class Painting:
    """One painting.

    Attributes
    ----------
    name : str
        What a job calls it: lower-case letters, digits and hyphens.
    artist, title, year : str
    kind : str
        How it is made, in a few words.
    source : str
        Where its picture was taken from.
    """

    name: str
    artist: str
    title: str
    year: str
    kind: str
    source: str = GCOMPRIS


PAINTINGS = (
    Painting("arcimboldo-spring", "Giuseppe Arcimboldo", "Spring", "1573", "oil, flowers on black"),
    Painting(
        "bazille-ramparts", "Frédéric Bazille", "The Ramparts at Aigues-Mortes", "1867",
        "oil, smooth and bright",
    ),
    Painting(
        "bellini-pesaro", "Giovanni Bellini", "Pesaro Altarpiece (background)", "about 1475",
        "oil on wood, smooth and dark",
    ),
    Painting(
        "bruegel-harvesters", "Pieter Bruegel the Elder", "The Harvesters", "1565",
        "oil on wood, fine",
    ),
    Painting(
        "cassatt-summertime", "Mary Cassatt", "Summertime", "1894", "oil, broad loose strokes"
    ),
    Painting("durer-lion", "Albrecht Dürer", "Lion", "1494", "watercolor and gouache"),
    Painting(
        "hiroshige-prawn", "Utagawa Hiroshige", "Horse-mackerel and Prawn", "about 1840",
        "woodcut, ink lines on light paper",
    ),
    Painting(
        "hiroshige-snow", "Utagawa Hiroshige", "The Benzaiten Shrine at Inokashira in Snow",
        "about 1843", "woodcut, brown and blue",
    ),
    Painting(
        "hokusai-bridge", "Katsushika Hokusai", "Viewing Sunset over the Ryogoku Bridge",
        "about 1830", "woodcut, blue and yellow",
    ),
    Painting(
        "hokusai-ejiri", "Katsushika Hokusai", "Ejiri in Suruga Province", "about 1831",
        "woodcut, pale green",
    ),
    Painting(
        "hokusai-oiran", "Katsushika Hokusai", "Oiran and Kamuro", "about 1810",
        "ink and color on silk",
    ),
    Painting(
        "hokusai-poppies", "Katsushika Hokusai", "Poppies", "about 1833",
        "woodcut, orange on gray",
    ),
    Painting(
        "hokusai-wave", "Katsushika Hokusai", "The Great Wave off Kanagawa", "about 1831",
        "woodcut, dark blue on buff",
    ),
    Painting(
        "kandinsky-composition-8", "Wassily Kandinsky", "Composition VIII", "1923",
        "abstract, circles and lines",
    ),
    Painting(
        "renoir-galette", "Pierre-Auguste Renoir", "Bal du moulin de la Galette", "1876",
        "oil, soft dabs",
    ),
    Painting(
        "vangogh-auvers", "Vincent van Gogh", "Village Street in Auvers", "1890",
        "oil, thick colored strokes",
    ),
    Painting(
        "vangogh-starry-night", "Vincent van Gogh", "The Starry Night", "1889",
        "oil, blue swirls", OPENCV,
    ),
)  # fmt: skip

NAMES = tuple(each.name for each in PAINTINGS)


def folder() -> Path:
    """Return the folder of the pictures."""
    return Path(__file__).resolve().parent


def style_file(style: str) -> str:
    """Return the file of a region's style: that of a painting's name, or the path itself."""
    return str(folder() / f"{style}.jpg") if style in NAMES else style


def near_names(style: str) -> str:
    """Return a sentence for a style that is no file: which paintings have a name like it.

    Empty where a file was meant: it has an extension.
    """
    name = PureWindowsPath(style).name  # which knows both kinds of slashes
    if PureWindowsPath(name).suffix:
        return ""
    near = difflib.get_close_matches(name.lower().replace("_", "-"), NAMES, 3, 0.5)
    near += [each for each in NAMES if each.split("-")[0] == name.lower()]
    names = ", ".join(dict.fromkeys(near)) or "listed by scumble styles"
    verb = "Paintings with a name like it" if near else "Names of paintings"
    return f"{verb}: {names}."
