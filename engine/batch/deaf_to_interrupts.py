"""The preload that makes a worker ignore Ctrl-C, which a terminal sends to every process.

Dask imports it in each worker's main thread. The batch decides how its workers stop.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
