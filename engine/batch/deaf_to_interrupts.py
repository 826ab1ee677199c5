"""Makes a worker deaf to Ctrl-C, which a terminal sends to all processes of a command.

Dask imports it in each worker's main thread. The batch decides what Ctrl-C ends.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
