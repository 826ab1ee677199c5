"""The choice of an optimizer, by what a job asks for and what fits into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.optimizers import Adam, Lbfgs32, LbfgsB, MakeSearch, Optimizer
from engine.schedule import EVALUATIONS_PER_STEP

if TYPE_CHECKING:
    from engine.job import Job
    from engine.methods import Method

MOST_RECORD_BYTES = 2_000_000_000
"""The largest record of evaluations that an L-BFGS-B may need to be resumed; the float32 L-BFGS
resumes from a state."""

LONG_MEMORY = 30
"""Steps that the L-BFGS with a diagonal first matrix remembers if the job leaves them open."""

SHORT_MEMORY = 10
"""The same for every other L-BFGS."""

LEAST_MEMORY = 3
"""Steps to remember; with fewer, many more evaluations are needed than memory is saved."""


def record_bytes(pixels: int, evaluations: float) -> float:
    """Return the bytes of a record of evaluations: their gradients in float32."""
    return 12 * pixels * evaluations


def choose_optimizer(
    job: Job,
    method: Method,
    pixels: int,
    free_bytes: int,
    on_card: MakeSearch | None = None,
    steps: int = 0,
    comfortable_bytes: int = 0,
    ample_bytes: int = 0,
) -> Optimizer:
    """Return the optimizer of a job.

    For 'lbfgs', L-BFGS-B is taken where it fits into memory, and the record of its evaluations onto
    the disk, else the float32 L-BFGS. For 'lbfgs32', the first matrix of that one is a diagonal,
    unless a part of the picture is to stay like the content: a diagonal would change that part
    more. With it, LONG_MEMORY steps are remembered where the picture can still be evaluated in one
    piece beside them, else SHORT_MEMORY, or as many as the job says. Where these do not fit
    comfortably, they are remembered in half precision. Where they do not even fit, there is no
    diagonal and there are fewer steps, but LEAST_MEMORY if the job allows so many.

    Parameters
    ----------
    job : Job
    method : Method
    pixels : int
        The area of the largest scale.
    free_bytes : int
        What the optimizer may take; 0 for no limit.
    on_card : callable, optional
        As in `Lbfgs32`. On a card both kinds of L-BFGS are the float32 one: SciPy's would take
        twenty times as long as loss and gradient.
    steps : int
        The most that it will take; 0 if that is not known.
    comfortable_bytes : int
        What the optimizer may take without making the evaluations slow; 0 for as much as it may.
    ample_bytes : int
        What the optimizer may take beside a picture in one piece; 0 for as much as it may.
    """
    name = method.optimizer_for(job)
    if name == "adam":
        return Adam(job.learning_rate, keep_best=method.has_best)
    memory = job.lbfgs_memory or SHORT_MEMORY
    if on_card:
        return Lbfgs32(memory, on_card)
    scipy = LbfgsB(memory)
    fits = not free_bytes or pixels * scipy.bytes_per_pixel <= free_bytes
    record = record_bytes(pixels, steps * EVALUATIONS_PER_STEP)
    if name == "lbfgs" and fits and record <= MOST_RECORD_BYTES:
        return scipy
    diagonal = name == "lbfgs32" and not method.keeps_content(job)
    if diagonal and not job.lbfgs_memory:
        # More steps than will be taken are never remembered.
        long = min(LONG_MEMORY, steps or LONG_MEMORY)
        for half in (False, True):
            found = Lbfgs32(long, half=half, diagonal=True)
            if not free_bytes or pixels * found.bytes_per_pixel <= (ample_bytes or free_bytes):
                return found
        memory = min(long, SHORT_MEMORY)
    whole = Lbfgs32(memory, diagonal=diagonal)
    if not free_bytes or pixels * whole.bytes_per_pixel <= (comfortable_bytes or free_bytes):
        return whole
    least = min(memory, LEAST_MEMORY)
    for count in range(memory, least - 1, -1):
        found = Lbfgs32(count, half=True, diagonal=diagonal and count == memory)
        if pixels * found.bytes_per_pixel <= free_bytes:
            return found
    return Lbfgs32(least, half=True)
