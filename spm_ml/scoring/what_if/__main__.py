"""A process that answers what-if questions from its standard input, so that no request waits for a model.

It says `ready` when it has started. One line says what follows: `model` and then a line with the model of the batch,
which is answered by `loaded`; or `ask`, a number and a question, and
then a line with the inputs of the rep. Every question is answered, in order, by one line: its number, a status as in
HTTP, and JSON. The process ends with its input. It keeps one model and the last `KEPT` reps.
"""

import os
import sys
import traceback
from contextlib import suppress
from functools import lru_cache
from io import BufferedReader, BytesIO
from typing import Any, BinaryIO, Final

from pydantic_core import from_json, to_json

from spm_ml.errors import SpmError
from spm_ml.forecasting.deal_level import FuturesModel
from spm_ml.scoring.what_if.answer import UnansweredError, answer
from spm_ml.scoring.what_if.rep import StoredRep

KEPT: Final = 256
"""Reps whose draws are kept: a rep with 100 open deals takes 0.2 MB."""


_CHUNK: Final = 1_048_576


class Answering:
    """Answers questions about the reps of one batch."""

    def __init__(self) -> None:
        self._model: FuturesModel | None = None
        self._unreadable = False
        self._rep = lru_cache(KEPT)(self._read)

    def load(self, text: bytes) -> None:
        """Takes the model of a batch; what is broken is said when it is asked for."""
        self._rep.cache_clear()
        try:
            state = from_json(text)
            self._model = None if state is None else FuturesModel.of_state(state)
            self._unreadable = False
        except (SpmError, ValueError, KeyError, TypeError):
            self._unreadable = True

    def answer(self, question: bytes, inputs: bytes) -> tuple[int, dict[str, Any]]:
        """Gives a status and an answer."""
        if self._unreadable:
            return 503, {"where": "model", "rule": "unreadable"}
        try:
            return 200, answer(self._rep(inputs), from_json(question))
        except UnansweredError as error:
            status = 404 if error.rule == "unknown_deal" else 409 if error.where == "rep_id" else 422
            return status, {"where": error.where, "rule": error.rule}
        except Exception as error:  # noqa: BLE001 - one question must not end the others
            # Its text could name a deal; where it happened cannot.
            sys.stderr.writelines([f"{type(error).__name__}\n", *traceback.format_tb(error.__traceback__)])
            return 500, {"where": "request", "rule": "failed"}

    def _read(self, inputs: bytes) -> StoredRep:
        return StoredRep.of_text(inputs, self._model)


def serve(source: BufferedReader | BytesIO, target: BinaryIO) -> None:
    """Answers until the source ends."""
    answering = Answering()
    target.write(b"ready\n")
    target.flush()
    rest = b""
    while chunk := source.read1(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(lines) % 2:
            rest = lines.pop() + b"\n" + rest
        for head, body in zip(lines[::2], lines[1::2], strict=True):
            if head == b"model":
                answering.load(body)
                target.write(b"loaded\n")
                target.flush()
                continue
            _, number, question = head.split(b" ", 2)
            status, found = answering.answer(question, body)
            target.write(b"%s %d %s\n" % (number, status, to_json(found)))
        # Together: whoever waits is woken once.
        target.flush()


def main() -> None:
    """Serves on standard input and output; what a library prints goes to standard error."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Whoever asked may be gone.
    with open(0, "rb", closefd=False) as source, suppress(BrokenPipeError):
        serve(source, target)


if __name__ == "__main__":
    main()
