"""Durations for people."""

from __future__ import annotations

from engine.translations import _


def duration(seconds: float) -> str:
    """Return a duration in words: '8 s', '2 min 5 s', '3 h 20 min'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds} s").format(minutes=whole // 60, seconds=whole % 60)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
