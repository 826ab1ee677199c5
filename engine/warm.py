"""Warm starts: the network and the styles, kept from one run to the next in a process."""

from __future__ import annotations

import os

from engine.job import Job, Region
from engine.loss.targets import StyleCache
from engine.masks.regions import StylePicture, read_style
from engine.network import Network, open_network
from engine.pictures.reading_memory import ReadingMemory


class Warm:
    """The network, style pictures and Gram matrices of the last run, for the next one.

    Results are those of a run that begins with nothing. One run at a time may use it.

    Parameters
    ----------
    keeps_styles : bool
        Whether it keeps more than the network. For a single run, that would only take memory.

    Attributes
    ----------
    moments : StyleCache or None
        Of the style pictures: their moments and variograms.
    """

    def __init__(self, *, keeps_styles: bool = True) -> None:
        self.moments = StyleCache() if keeps_styles else None
        self._network: tuple[tuple, Network] | None = None
        self._styles: dict[tuple, StylePicture] = {}

    def begin(self, job: Job) -> None:
        """Forget what a job does not use."""
        if self.moments is None:
            return
        wanted = {_style_key(region) for region in job.regions}
        self._styles = {key: style for key, style in self._styles.items() if key in wanted}
        self.moments.keep(
            array for style in self._styles.values() for array in (style.rgb, style.mask)
        )

    def network(self, job: Job) -> Network:
        """Return the network that a job asks for.

        Raises
        ------
        WeightsError
            If the weights are missing or broken.
        """
        key = (job.pooling, job.device, job.threads)
        if self._network is None or self._network[0] != key:
            self._network = None  # whose memory is free before the next one is opened
            if self.moments is not None:
                self.moments.keep(())
            self._network = (key, open_network(job))
        return self._network[1]

    def style(self, region: Region, pixels: int, reading: ReadingMemory) -> StylePicture:
        """Return the style picture of a region, as `read_style` does.

        Raises
        ------
        PictureError
            If a file cannot be read.
        """
        if self.moments is None:
            return read_style(region, pixels, reading)
        key = _style_key(region)
        if key not in self._styles or not self._styles[key].suits(pixels):
            self._styles[key] = read_style(region, pixels, reading)
        return self._styles[key]


def _style_key(region: Region) -> tuple:
    return tuple((path, file_version(path)) for path in (region.style, region.style_mask) if path)


def file_version(path: str) -> tuple[int, int] | None:
    """Return a value that changes when a file is written; None if there is no such file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size
