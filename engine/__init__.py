"""Scumble's engine: neural style transfer with spatial control."""

import os

# onnxruntime's current builds tell their maker about each use, and leave an identifier in the
# user's cache folder. It reads this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
