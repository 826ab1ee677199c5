"""Mutations: values and bytes changed at random."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any

NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 8, 9, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 10**400),
    *(0.0, -0.0, 0.5, 1e-300, 5e-324, 1e300, 1.7e308, -1e300, float("inf"), float("nan")),
)
TEXTS = (
    *("", " ", "x", "rest", "auto", "full", "content", "cutout", "\0", "\n", "\x1b[2J", "\u202e"),
    *("\ud800", "😀", "a" * 300, "a" * 70_000, "../up.png", "/dev/zero", "/dev/stdin", "/", "."),
    *("content.png", "content.png/", "./oil.png", "oil.png\0", "CON", "NUL.png", "C:\\a.png", "-"),
    *("nan", "inf", "1e999", "%s%n", "{}", "conv1_1", "conv1_1=", "=", ",", "{0.__class__}"),
    *("folder", "folder/", "gone/out.png", "out.png", "out.npy", "out.webp", "out.gif", ".png"),
)


def number(chance: random.Random) -> Any:
    """Return a number, an odd one more often than not."""
    if chance.random() < 0.6:
        return chance.choice(NUMBERS)
    scale = 10 ** chance.uniform(-6, 12)
    drawn = chance.uniform(-scale, scale)
    return round(drawn) if chance.random() < 0.5 else drawn


def value(chance: random.Random, depth: int = 0) -> Any:
    """Return a value of any type that JSON has."""
    kind = chance.randrange(9)
    if kind < 3:
        return number(chance)
    if kind < 6:
        return chance.choice(TEXTS)
    if kind == 6 or depth > 3:
        return chance.choice((None, True, False, [], {}, [[]], ""))
    many = range(chance.randrange(5))
    if kind == 7:
        return [value(chance, depth + 1) for _ in many]
    return {chance.choice(TEXTS): value(chance, depth + 1) for _ in many}


def mutated(chance: random.Random, data: bytes, low: int = 0, high: int = 0) -> bytes:
    """Return bytes changed in one or many places between `low` and `high`.

    Parameters
    ----------
    chance : random.Random
    data : bytes
    low, high : int
        The part to change; a `high` of 0 is the end.
    """
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16, 60))):
        end = min(high or len(changed), len(changed))
        if end <= low:
            break
        place = chance.randrange(low, end)
        kind = chance.randrange(8)
        if kind == 0:
            changed[place] = chance.randrange(256)
        elif kind == 1:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            changed[place : place + 1] = bytes([chance.choice((0, 1, 127, 128, 255))])
        elif kind == 3:
            form = chance.choice(("<H", ">H", "<I", ">I"))
            top = 2**16 if form[1] == "H" else 2**32
            odd = chance.choice((0, 1, top // 2, top // 2 - 1, top - 1, chance.randrange(top)))
            packed = struct.pack(form, odd)
            changed[place : place + len(packed)] = packed
        elif kind == 4:
            other = chance.randrange(low, end)
            length = chance.randrange(1, 64)
            changed[place : place + length] = changed[other : other + length]
        elif kind == 5:
            del changed[place : place + chance.randrange(1, 32)]
        elif kind == 6:
            changed[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(9)))
        else:
            changed[place : place + 4] = chance.choice(
                (b"9999", b"{[\"'", b"\0\0\0\0", b"\xff" * 4)
            )
    if chance.random() < 0.05 and changed:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def with_checksums(data: bytes) -> bytes:
    """Make the checksums of a PNG's chunks right, as in a file that was changed on purpose."""
    changed, place = bytearray(data), 8
    while place + 12 <= len(changed):
        (length,) = struct.unpack(">I", changed[place : place + 4])
        end = place + 8 + length
        if end + 4 > len(changed):
            break
        changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[place + 4 : end]))
        place = end + 4
    return bytes(changed)
