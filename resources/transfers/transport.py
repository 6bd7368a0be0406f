"""HTTP with the rules of this project: own redirects, allowed hosts, named failures.

Belongs here: sending one request and classifying its answer. Not here: when to try
again (``retrier``), what the answer means. Plain ``urllib`` on purpose: a body comes
three times as fast as through httpx2 (measured on loopback), and redirects are ours to
follow, while general clients take the token along or drop it on their own.
"""

from __future__ import annotations

import contextlib
import email.utils
import errno
import http.client
import json
import re
import string
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, urljoin, urlsplit, urlunsplit

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    InvalidInput,
    LocalResourceError,
    ProductGone,
    QuotaExceeded,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.outside_text import escaped
from resources.redaction import proxy_secrets
from resources.transfers.connections import (
    STALLS,
    BoundedHTTPHandler,
    BoundedHTTPSHandler,
)
from resources.transfers.public_access import is_loopback
from resources.transfers.timeouts import Timeouts

MAX_REDIRECTS: Final = 5
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_RETRYABLE: Final = frozenset((408, 413, 425, 500, 502, 503, 504))
_SECRET_FIELDS: Final = frozenset(("password", "refresh_token", "totp", "assertion"))
_SETTING: Final = re.compile(r"(\b(?:BEN|CDSE|CLMS|HTTPS|NO|SSL|ZENODO)_[A-Z0-9_]+\b)")
"""Names that stay: a gap in one would tell what a secret has in common with it."""
_REMEMBERED: Final = 16
"""Secrets sent that are looked for in all answers that follow: the newest."""
_MAX_WORDS: Final = 600
_SETTING_ERRORS: Final = re.compile(
    r"CERTIFICATE_VERIFY_FAILED|unable to get local issuer|\b407\b"
    r"|Proxy Authentication Required"
)
_SETTINGS_TO_MEND: Final = (
    "for a certificate authority of your own set SSL_CERT_FILE to its PEM file, for a "
    "proxy HTTPS_PROXY with user and password (and NO_PROXY for hosts to be reached "
    "without it)"
)
BODY_LIMIT: Final = 16 << 20
"""Bytes of one answer that is read whole; a list of 1000 files has some 300 kB."""
_SUCCESS: Final = frozenset((200, 201, 206))
TRANSPORT_ERRORS: Final = (OSError, http.client.HTTPException)
"""What a broken, refused or silent connection raises."""


@dataclass(frozen=True)
class Request:
    """One request before its redirects."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    """Sent as ``Authorization: Bearer`` to allowed hosts."""
    form: bytes | None = field(default=None, repr=False)
    """Body of a POST; such a request follows no redirect."""
    method: str | None = None
    """Other than GET, or POST with a body."""
    content: Callable[[], Iterable[bytes]] | None = field(default=None, repr=False)
    """Gives a large body in place of ``form``, from its start at each call."""
    accepted: frozenset[int] = _SUCCESS
    """Statuses that mean success."""

    @property
    def has_body(self) -> bool:
        """Whether it sends one; such a request follows no redirect."""
        return self.form is not None or self.content is not None


class Rules(Protocol):
    """Where requests may go, how long to wait, and what must not be repeated."""

    @property
    def timeouts(self) -> Timeouts:
        """How long to wait for what."""
        ...

    def require_allowed(self, url: str) -> None:
        """Refuse an address that a request must not go to."""
        ...

    def without_secrets(self, text: str, *more: str | None) -> str:
        """``text`` with known secrets, and ``more``, redacted."""
        ...


class Transport:
    """Sends requests to the hosts that its rules allow."""

    def __init__(self, access: Rules) -> None:
        """Proxies are those of the environment, except for loopback."""
        self._access = access
        self._direct = _opener(urllib.request.ProxyHandler({}))
        self._proxied = _opener(urllib.request.ProxyHandler())
        self._sent: deque[str] = deque(maxlen=_REMEMBERED)

    @contextlib.contextmanager
    def open(self, request: Request) -> Iterator[http.client.HTTPResponse]:
        """The answer with one of the accepted statuses; its body is not read yet.

        Raises:
            AccessRefused: 401, 403, or a redirect to a host that is not allowed.
            ProductGone: 404, 410, 422.
            QuotaExceeded: 429.
            InvalidInput: 407, or a certificate that nobody vouches for.
            ServiceUnavailable: no answer, a broken one, or any other status.
        """
        new = [one for one in _sent_secrets(request) if one not in self._sent]
        self._sent.extend(new)
        with self.hiding(), self._answered(request) as reply:
            yield reply

    @contextlib.contextmanager
    def hiding(self) -> Iterator[None]:
        """Errors of the block tell no secret, whatever words of others they repeat.

        Raises:
            BenError: that of the block, its message redacted.
        """
        try:
            yield
        except BenError as error:
            error.args = (self.without_secrets(str(error.args[0])),)
            raise

    def without_secrets(self, text: str) -> str:
        """``text`` with secrets of rules and proxies, and what was sent, redacted."""
        hidden = [*proxy_secrets(), *self._sent]
        return "".join(
            piece if at % 2 else self._access.without_secrets(piece, *hidden)
            for at, piece in enumerate(_SETTING.split(text))
        )

    def quiet(self, log: Callable[[str], None]) -> Callable[[str], None]:
        """``log`` for lines that may repeat words of the service."""
        return lambda line: log(self.without_secrets(line))

    @contextlib.contextmanager
    def _answered(self, request: Request) -> Iterator[http.client.HTTPResponse]:
        url = request.url
        for _ in range(MAX_REDIRECTS + 1):
            self._access.require_allowed(url)
            reply = self._send(url, request)
            with contextlib.closing(reply):
                if reply.status not in _REDIRECTS:
                    if reply.status not in request.accepted:
                        raise _failure(url, reply)
                    yield reply
                    return
                url = _target(url, reply, request)
        raise ServiceUnavailable(
            f"{shown(request.url)}: more than {MAX_REDIRECTS} redirects, the last to "
            f"{shown(url)}"
        )

    def json(self, request: Request) -> dict[str, Any]:
        """The JSON object that a request is answered with.

        Raises:
            ServiceUnavailable: something else, such as a page of a proxy.
        """
        body, kind = self.read(request)
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            with self.hiding():
                raise ServiceUnavailable(
                    f"{shown(request.url)}: expected a JSON object, found "
                    f"{kind} of {len(body)} bytes"
                )
        return content

    def read(self, request: Request) -> tuple[bytes, str]:
        """A small answer, at most 16 MiB of it, and its content type.

        Raises:
            ServiceUnavailable: it does not end in four times the time of a stall.
        """
        end = time.monotonic() + STALLS * self._access.timeouts.stall_seconds
        body = bytearray()
        with self.open(request) as reply, connection_errors(request.url):
            while (piece := reply.read1(BODY_LIMIT)) and len(body) < BODY_LIMIT:
                body += piece
                if time.monotonic() > end:
                    raise ServiceUnavailable(
                        f"{shown(request.url)}: only {len(body)} bytes of an answer in "
                        f"{STALLS * self._access.timeouts.stall_seconds:.0f} s"
                    )
            return bytes(body), reply.headers.get_content_type()

    def _send(self, url: str, request: Request) -> http.client.HTTPResponse:
        headers = {
            "User-Agent": "ben-assets",
            "Accept-Encoding": "identity",
            **request.headers,
        }
        if request.token is not None:
            headers["Authorization"] = f"Bearer {request.token}"
        loopback = is_loopback(urlsplit(url).hostname or "")
        opener = self._direct if loopback else self._proxied
        body = request.content() if request.content else request.form
        sent = urllib.request.Request(url, body, headers, method=request.method)
        with connection_errors(url), _unsendable(url, is_redirected=url != request.url):
            reply = opener.open(sent, timeout=self._access.timeouts.stall_seconds)
        assert isinstance(reply, http.client.HTTPResponse)
        return reply


def _failure(url: str, reply: http.client.HTTPResponse) -> BenError:
    """The failure that a status stands for, with the service's own words."""
    words = ""
    with contextlib.suppress(*TRANSPORT_ERRORS):
        words = escaped(_words(reply.read(4096)), _MAX_WORDS)
    return _classified(f"{shown(url)}: HTTP {reply.status} {words}".strip(), reply)


def _sent_secrets(request: Request) -> list[str]:
    """What a request carried that no answer may repeat to people."""
    form = parse_qsl((request.form or b"").decode("ascii", "replace"))
    secret = [value for name, value in form if name in _SECRET_FIELDS]
    return [*secret, *([request.token] if request.token else [])]


def _opener(proxies: urllib.request.ProxyHandler) -> urllib.request.OpenerDirector:
    """An opener that neither follows redirects nor raises for a status."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        proxies,
        BoundedHTTPHandler(),
        BoundedHTTPSHandler(),
    ):
        opener.add_handler(handler)
    return opener


@contextlib.contextmanager
def connection_errors(url: str) -> Iterator[None]:
    """Turn what a broken connection raises into a failure that can be tried again.

    Raises:
        ServiceUnavailable: in place of connection, protocol and time-out errors.
    """
    try:
        yield
    except BenError:
        raise
    except TRANSPORT_ERRORS as error:
        reason = getattr(error, "reason", None) or error
        if getattr(reason, "errno", None) in (errno.EMFILE, errno.ENFILE):
            raise LocalResourceError(
                f"{shown(url)}: too many open files; raise the limit (ulimit -n)"
            ) from None
        said = escaped(str(reason), _MAX_WORDS)
        failed = f"{shown(url)}: connection failed: {type(reason).__name__}: {said}"
        if _SETTING_ERRORS.search(str(reason)):
            raise InvalidInput(f"{failed}; {_SETTINGS_TO_MEND}") from None
        raise ServiceUnavailable(failed) from None


def shown(url: str) -> str:
    """An address as it may be shown: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    host = parts.netloc.rpartition("@")[2]
    return escaped(urlunsplit((parts.scheme, host, parts.path, "", "")), _MAX_WORDS)


def retry_after(headers: Message) -> float | None:
    """Seconds that a reply asks to wait, given as such or as a date.

    A date counts from the reply's own ``Date``: a wrong clock here does no harm.
    """
    text = (headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        until = email.utils.parsedate_to_datetime(text).timestamp()
        return max(0.0, until - server_time(headers))
    return None


def server_time(headers: Message) -> float:
    """Seconds since 1970 by the clock of the service, else by our own."""
    with contextlib.suppress(KeyError, ValueError, TypeError, OverflowError):
        return email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    return time.time()


@contextlib.contextmanager
def _unsendable(url: str, *, is_redirected: bool) -> Iterator[None]:
    """Turn what HTTP cannot write down into an error that does not repeat it.

    Raises:
        ServiceUnavailable: an address that the service sent us to.
        InvalidInput: an address, a token, a proxy of the settings.
    """
    try:
        yield
    except (ValueError, http.client.InvalidURL):
        if is_redirected:
            raise ServiceUnavailable(
                f"{shown(url)}: the service sent us to what is not an address"
            ) from None
        raise InvalidInput(
            f"{shown(url)}: cannot be asked: the address, the token or key, or "
            "HTTPS_PROXY has letters that HTTP does not take; correct it in the "
            "settings"
        ) from None


def _target(url: str, reply: http.client.HTTPResponse, request: Request) -> str:
    location = reply.headers.get("Location")
    if request.has_body:
        raise AccessRefused(
            f"{shown(url)}: answered with a redirect; what was sent is never sent on. "
            "Check the address in the settings"
        )
    if not location:
        raise ServiceUnavailable(f"{shown(url)}: redirect without a Location")
    try:
        return urljoin(url, quote(location, string.punctuation, "latin-1"))
    except ValueError as error:
        raise ServiceUnavailable(
            f"{shown(url)}: redirect to {location!r}, which is not an address: {error}"
        ) from None


def _classified(text: str, reply: http.client.HTTPResponse) -> BenError:
    wait = retry_after(reply.headers)
    if reply.status == 407:  # of a proxy, which no other source would get round
        return InvalidInput(f"{text}; {_SETTINGS_TO_MEND}")
    if reply.status == 429:
        return QuotaExceeded(text, wait)
    if reply.status in (401, 403):
        return Unauthorized(text, server_time(reply.headers))
    if reply.status in (404, 410, 422):
        return ProductGone(text)
    if reply.status in _RETRYABLE:
        return ServiceUnavailable(text, wait)
    return RequestRefused(text)


class Unauthorized(AccessRefused):
    """HTTP 401 or 403."""

    def __init__(self, message: str, server_time: float) -> None:
        """``server_time``: the service's clock, seconds since 1970."""
        super().__init__(message)
        self.server_time = server_time

    @property
    def says_expired(self) -> bool:
        """Whether the service calls the token expired, which a refresh cures."""
        return "expired" in str(self).lower() or "DAT-ZIP-109" in str(self)


class RequestRefused(BenError):
    """A request that the service does not understand: our fault, or a new interface."""


def _words(body: bytes) -> str:
    """Code and message of an error body, else all of it; not yet fit to be shown."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        start = body.decode("utf-8", "replace")
        return f"({start!r})" if start else ""
    names = ("code", "message", "detail", "error", "error_description")
    known = [str(content[name]) for name in names if content.get(name)]
    return f"({' '.join(known)})"
