"""Fits that do not need each other, side by side: threads change how long they take, never what comes out."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Result = TypeVar("Result")


def side_by_side(fits: Sequence[Callable[[], Result]], threads: int) -> list[Result]:
    """Calls each function and gives the results in their order.

    Each call keeps to its own thread: within a call neither LightGBM nor linear algebra uses a second one. Threads that
    share one small fit wait for each other at every tree, on a busy machine for many times as long as the work takes,
    and sums that are split among threads differ in the last bit.

    Args:
        fits: What to call; each must be free of side effects.
        threads: The most that run at a time.
    """
    with threadpool_limits(1):
        if threads < 2 or len(fits) < 2:
            return [fit() for fit in fits]
        with ThreadPoolExecutor(min(threads, len(fits))) as pool:
            return list(pool.map(_alone, fits))


def _alone(fit: Callable[[], Result]) -> Result:
    with threadpool_limits(1, user_api="openmp"):  # OpenMP counts its threads for each thread of ours
        return fit()
