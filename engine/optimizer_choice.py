"""The choice of an optimizer, by what a job asks for and what fits into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.optimizers import Adam, Lbfgs32, LbfgsB, MakeSearch, Optimizer

if TYPE_CHECKING:
    from engine.job import Job
    from engine.methods import Method

MOST_RECORD_BYTES = 2_000_000_000
"""The largest record of evaluations that an L-BFGS-B may need to be resumed; the float32 L-BFGS
resumes from a state."""

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
    evaluations: float = 0,
    comfortable_bytes: int = 0,
) -> Optimizer:
    """Return the optimizer of a job.

    For 'lbfgs', L-BFGS-B is taken where it fits into memory, and the record of its evaluations onto
    the disk, else the float32 L-BFGS. Where that one does not fit comfortably with all steps that
    the job allows, it remembers them in half precision: as many as fit, but no fewer than
    LEAST_MEMORY where the job allows so many.

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
    evaluations : float
        How many are expected.
    comfortable_bytes : int
        What the optimizer may take without making the evaluations slow; 0 for as much as it may.
    """
    name = method.optimizer_for(job)
    if name == "adam":
        return Adam(job.learning_rate, keep_best=method.has_best)
    if on_card:
        return Lbfgs32(job.lbfgs_memory, on_card)
    scipy = LbfgsB(job.lbfgs_memory)
    fits = not free_bytes or pixels * scipy.bytes_per_pixel <= free_bytes
    if name == "lbfgs" and fits and record_bytes(pixels, evaluations) <= MOST_RECORD_BYTES:
        return scipy
    memory = job.lbfgs_memory
    comfortable = comfortable_bytes or free_bytes
    if not free_bytes or pixels * Lbfgs32(memory).bytes_per_pixel <= comfortable:
        return Lbfgs32(memory)
    least = min(memory, LEAST_MEMORY)
    fitting = (Lbfgs32(count, half=True) for count in range(memory, least, -1))
    sizes = ((each, pixels * each.bytes_per_pixel) for each in fitting)
    return next((each for each, size in sizes if size <= free_bytes), Lbfgs32(least, half=True))
