"""The preload that makes a worker ignore Ctrl-C, which a terminal sends to all of a command.

Dask imports it in each worker's main thread. The batch decides what Ctrl-C ends.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
