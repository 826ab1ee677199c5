"""`scumble gallery`: the paper's figures, painted into a folder with a page that shows them."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Callable

from engine.cli.interrupts import Interrupts
from engine.cli.terminal import ReaderLeftError, Terminal, to_standard_output
from engine.translations import N_, _, ngettext

if TYPE_CHECKING:
    from engine.gallery.build import GalleryResult
    from engine.gallery.request import GalleryRequest

STOPPING = N_("Stopping without the current picture; Ctrl-C again stops at once.")
INTERRUPTED = 130


def gallery(folder: str, make_request: Callable[[], GalleryRequest], *, quiet: bool = False) -> int:
    """Paint a gallery and return the exit status: 0, or 130 if it was stopped.

    Parameters
    ----------
    folder : str
        Where to.
    make_request : callable
        Returns what is asked for, or raises JobError.
    quiet : bool
        Whether to show notices only.

    Raises
    ------
    JobError, PictureError, WeightsError, FloatingPointError
        As `engine.gallery.build.paint_gallery`.
    """
    request = make_request()
    # Only now, so that a wrong command line need not wait for numpy.
    from engine.gallery.build import paint_gallery

    terminal = Terminal(sys.stderr, quiet=quiet)

    def say(text: str) -> None:
        if not quiet:
            terminal.say(text)

    def work() -> GalleryResult:
        return paint_gallery(folder, request, terminal.show, say, interrupts.stop)

    try:
        with Interrupts(terminal, STOPPING) as interrupts:
            outcome = interrupts.run(work)
    except KeyboardInterrupt:
        # The network may be in the middle of a step and cannot be waited for.
        terminal.clear()
        terminal.say(_("Stopped. The same command continues from here."))
        os._exit(INTERRUPTED)
    finally:
        terminal.clear()
    if outcome.left:
        text = ngettext(
            "Stopped with {count} picture to paint. The same command continues from here.",
            "Stopped with {count} pictures to paint. The same command continues from here.",
            outcome.left,
        )
        terminal.say(text.format(count=outcome.left))
        return INTERRUPTED
    with suppress(ReaderLeftError):
        text = _("Wrote {page} (pictures: {painted} painted, {kept} kept)")
        text = text.format(page=outcome.page, painted=outcome.painted, kept=outcome.kept)
        to_standard_output(text)
    return 0
