"""Errors of the installer. Standard library only."""

from __future__ import annotations


class SetupError(ValueError):
    """A step of the installation failed; the message is a sentence for the user."""


class DiskFullError(SetupError):
    """A lack of room on the disk, which another attempt does not mend."""
