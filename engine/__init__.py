"""Scumble's engine: neural style transfer with spatial control."""

__version__ = "0.1.0"
