"""Fetching a pinned file over HTTP: whole and verified, or not there at all.

What arrived of an ended try is kept as ``.<name>.part`` and continued where the server
can; the pin has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import ChangedUpstream, CorruptProduct, ProductGone
from resources.data_root.files import local_errors, put_in_place
from resources.inputs.pins import Pin
from resources.transfers.download import PublicFile, download
from resources.transfers.timeouts import Timeouts
from resources.transfers.transfer import Expected

_MOST_BYTES: Final = 1 << 30
"""Of a file whose size is not pinned; the largest of those has some 50 MB."""
_TOTAL_SECONDS: Final = 2 * 3600


def fetch(
    pin: Pin,
    target: Path,
    log: Callable[[str], None],
    *,
    pause_seconds: float = 1.0,
    give_up_seconds: float = Timeouts.give_up_seconds,
) -> None:
    """Fetch the file of ``pin`` to ``target``, which is replaced only if it matches.

    Args:
        pin: what to fetch and what it must be.
        target: where to.
        log: takes progress lines.
        pause_seconds: first pause between tries; each later one is twice as long.
        give_up_seconds: failures in a row for so long end it; 0: a single try.

    Raises:
        ServiceUnavailable: no whole file after several tries.
        ProductGone: the server has no such file.
        ChangedUpstream: the file is another one than pinned.
        AccessRefused: the server refuses, or leads to an address that is none.
        LocalResourceError: disk full and the like.
    """
    timeouts = Timeouts(
        give_up_seconds=give_up_seconds,
        first_wait_seconds=pause_seconds,
        longest_wait_seconds=30 * pause_seconds,
        total_seconds=_TOTAL_SECONDS,
    )
    expected = Expected(size=pin.bytes, most_bytes=_MOST_BYTES, digest_decides=True)
    place_pinned(pin, target, PublicFile(pin.name, pin.home, expected), timeouts, log)


def place_pinned(
    pin: Pin,
    target: Path,
    file: PublicFile,
    timeouts: Timeouts,
    log: Callable[[str], None],
) -> None:
    """Download ``file`` beside ``target`` and put it there if it is what is pinned.

    Raises:
        BenError: see :func:`fetch`.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        was_continued = download(file, part, timeouts, log)
        if was_continued and not pin.matches(part):
            log(
                f"{pin.name}: the continued file does not match its pin: from the start"
            )
            part.unlink()
            download(file, part, timeouts, log)
    except ProductGone as error:
        raise ProductGone(f"{error}: not there any more; {_elsewhere(pin)}") from None
    except (ChangedUpstream, CorruptProduct) as error:
        part.unlink(missing_ok=True)
        raise ChangedUpstream(f"{error}; {_elsewhere(pin)}") from None
    if not pin.matches(part):
        size = part.stat().st_size
        part.unlink()
        raise ChangedUpstream(
            f"{pin.home}: expected the pinned file ({pin.expected}), found another one "
            f"of {size} bytes; {_elsewhere(pin)}"
        )
    with local_errors(target):
        put_in_place(part, target)


def _elsewhere(pin: Pin) -> str:
    return f"get {pin.name} from elsewhere and put it beside the other inputs"
