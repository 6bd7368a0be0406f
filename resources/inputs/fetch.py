"""Fetching a pinned file over HTTP: whole and verified, or not there at all.

What arrived of an ended try is kept as ``.<name>.part`` and continued only where the
server verifies that it continues (206 with the right range); the pin has the last word.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

import stamina
import stamina.instrumentation

from ben_assets.bigearthnet.errors import (
    ChangedUpstream,
    ProductGone,
    ServiceUnavailable,
)
from resources.data_root.files import local_errors
from resources.inputs.pins import Pin

stamina.instrumentation.set_on_retry_hooks([])  # tries are told to the caller's log

_ATTEMPTS: Final = 5
_TIMEOUT_SECONDS: Final = 60
_READ_BYTES: Final = 1 << 18
_LOST: Final = (404, 410)
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def fetch(
    pin: Pin,
    target: Path,
    log: Callable[[str], None],
    *,
    pause_seconds: float = 1.0,
) -> None:
    """Fetch the file of ``pin`` to ``target``, which is replaced only if it matches.

    Args:
        pin: what to fetch and what it must be.
        target: where to.
        log: takes progress lines.
        pause_seconds: first pause between tries; each later one is twice as long.

    Raises:
        ServiceUnavailable: no whole file after several tries.
        ProductGone: the server has no such file.
        ChangedUpstream: the file is another one than pinned.
        LocalResourceError: disk full and the like.
    """
    part = target.with_name(f".{target.name}.part")
    with local_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in stamina.retry_context(
        on=ServiceUnavailable,
        attempts=_ATTEMPTS,
        wait_initial=pause_seconds,
        wait_max=30 * pause_seconds,
        wait_jitter=pause_seconds,
        timeout=None,
    ):
        with attempt, local_errors(target):
            if attempt.num > 1:
                log(f"{pin.name}: not whole yet; try {attempt.num} of {_ATTEMPTS}")
            was_continued = _receive(pin, part, log)
    if not pin.matches(part) and was_continued:
        log(f"{pin.name}: the continued file does not match its pin: from the start")
        part.unlink()
        with local_errors(target):
            _receive(pin, part, log)
    if not pin.matches(part):
        size = part.stat().st_size
        part.unlink()
        raise ChangedUpstream(
            f"{pin.home}: expected the pinned file ({pin.expected}), found another one "
            f"of {size} bytes; get {pin.name} from elsewhere and put it beside the "
            "other inputs"
        )
    part.replace(target)


def _receive(pin: Pin, part: Path, log: Callable[[str], None]) -> bool:
    """Bring ``part`` to its full length; returns whether an earlier part was used."""
    offset = part.stat().st_size if part.exists() else 0
    if pin.bytes is not None and offset == pin.bytes:
        return True
    headers = {"User-Agent": "ben-assets", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    request = urllib.request.Request(pin.home, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            is_continued = bool(offset) and _continues(response, part, pin.bytes)
            log(f"{pin.name}: {'continued' if is_continued else 'fetching'}")
            expected = _full_length(response, offset if is_continued else 0, pin.bytes)
            _write(response, part, append=is_continued)
    except urllib.error.HTTPError as error:
        raise _of_status(pin, part, error.code) from error
    except (
        HTTPException,
        TimeoutError,
        ConnectionError,
        urllib.error.URLError,
    ) as error:
        raise ServiceUnavailable(f"{pin.home}: {error}; try again later") from error
    found = part.stat().st_size
    if expected is not None and found != expected:
        raise ServiceUnavailable(
            f"{pin.home}: expected {expected} bytes, found {found}; try again later"
        )
    return is_continued


def _continues(response: HTTPResponse, part: Path, total: int | None) -> bool:
    """Whether the answer is the rest of a file of ``total`` bytes, behind ``part``."""
    if response.status != 206:
        return False
    offset = part.stat().st_size
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != offset or total not in (None, int(match[3])):
        part.unlink()
        raise ServiceUnavailable(
            f"{response.url}: asked for the rest from byte {offset}, was answered with "
            f"{response.headers.get('Content-Range')!r}; try again later"
        )
    return True


def _full_length(response: HTTPResponse, offset: int, pinned: int | None) -> int | None:
    if pinned is not None:
        return pinned
    length = response.headers.get("Content-Length")
    return offset + int(length) if length and length.isdigit() else None


def _write(response: HTTPResponse, part: Path, *, append: bool) -> None:
    with part.open("ab" if append else "wb") as file:
        while content := response.read(_READ_BYTES):
            file.write(content)


def _of_status(pin: Pin, part: Path, status: int) -> ServiceUnavailable | ProductGone:
    if status in _LOST:
        return ProductGone(
            f"{pin.home}: not there any more (HTTP {status}); get {pin.name} from "
            "elsewhere and put it beside the other inputs"
        )
    if status == 416:  # the part is longer than the file
        part.unlink(missing_ok=True)
    return ServiceUnavailable(f"{pin.home}: HTTP {status}; try again later")
