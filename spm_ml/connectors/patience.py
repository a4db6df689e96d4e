"""Asking again: servers that are busy or fail, answers that are cut off."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from urllib3.util.retry import Retry

from spm_ml.errors import RemoteError

TIMEOUT: Final = (10.0, 120.0)
"""Seconds to connect, and between two bytes of an answer."""

_LONGEST_WAIT: Final = 120
"""Seconds; a server that asks for more patience is asked again in the next fetch."""

_ATTEMPTS: Final = 4

Answer = TypeVar("Answer")


class RefusedError(RemoteError):
    """The system understood what was asked and does not answer it, now or later."""


def retries(seconds: float) -> Any:
    """How often and when a request is repeated that got no answer or one of the server's own making.

    Only what reads is ever sent, so that every method may be repeated.

    Args:
        seconds: First wait; doubled each time.
    """
    return Retry(
        total=6,
        connect=2,
        read=2,
        backoff_factor=seconds,
        backoff_max=_LONGEST_WAIT,
        retry_after_max=_LONGEST_WAIT,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )


def until_whole(ask: Callable[[], Answer], *, seconds: float, cut: tuple[type[Exception], ...]) -> Answer:
    """Asks again where an answer broke off; the last failure is the caller's.

    Args:
        ask: Asks once, and reads the answer to its end.
        seconds: First wait; doubled each time.
        cut: What is raised by an answer that broke off.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return ask()
        except cut:
            time.sleep(seconds * 2**attempt)
    return ask()
