"""Hang-up, termination and quit signals end work here as Ctrl-C does.

Left to itself, each of them kills Python on the spot: drafts and locks would stay
until the next run. Belongs here: turning signals into that exception. Not here: what is
cleared on its way.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT)


@contextlib.contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Have SIGHUP, SIGTERM and SIGQUIT do in this block what SIGINT does.

    The first one counts: a terminal that closes sends several, and no second one may
    interrupt the clearing; SIGQUIT alone then kills, as people expect of it. What is
    ignored stays so (``nohup``), and what somebody else handles is theirs. Only the
    main thread may set this; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    changed = [n for n in _ENDING if signal.getsignal(n) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Call the handler that SIGINT has now: Dagster sets one of its own for a run."""
    for other in _ENDING:
        if signal.getsignal(other) is _interrupt:
            is_quit = other == signal.SIGQUIT
            signal.signal(other, signal.SIG_DFL if is_quit else signal.SIG_IGN)
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        sys.exit(128 + number)
