"""Our errors as Dagster failures: a retry only for what a retry can cure."""

from __future__ import annotations

import atexit
import contextlib
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from ben_assets.bigearthnet.errors import BenError
from ben_assets.interrupts import ended_as_by_ctrl_c
from resources.data_root.files import local_errors

_last_words: deque[str] = deque(maxlen=3)
"""The newest errors of this process."""


@atexit.register
def _say_last() -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody listens any more
        for sentence in dict.fromkeys(_last_words):
            print(f"ben: {sentence}", file=sys.__stderr__)


def forget_last_words() -> None:
    """For a process that has shown its errors by itself."""
    _last_words.clear()


@contextlib.contextmanager
def as_dagster_failure() -> Iterator[None]:
    """Turn an error of ours into a ``dagster.Failure`` with its class as metadata.

    The sentence that matters is also the last one that the process prints: Dagster
    follows it with a traceback and dozens of lines of its own. A hang-up of the
    terminal ends the step as Ctrl-C does.

    Raises:
        dagster.Failure: in place of a ``BenError``, or of what this machine refuses; it
            forbids retries where the class of the failure needs somebody to act.
    """
    try:
        with ended_as_by_ctrl_c(), local_errors(Path("the data root")):
            yield
    except BenError as error:
        sentence = f"[{error.failure_class}] {error}"
        _last_words.append(sentence)
        raise dg.Failure(
            description=sentence,
            metadata={"failure_class": str(error.failure_class)},
            allow_retries=error.is_retryable,
        ) from None
