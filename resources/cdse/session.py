"""The account's session: one token for all processes of this data root.

CDSE counts every log-in as a session (at most 100) and blocks accounts that log in for
each product. So the token lies in a file (mode 0600) that all processes share, is
refreshed under a lock before it expires; a new log-in follows only a refused refresh.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import re
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    InvalidInput,
    ProductGone,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.plain_files import read_plain
from resources.cdse.access import Access, Account
from resources.data_root.files import local_errors
from resources.transfers.transport import (
    Request,
    RequestRefused,
    Transport,
    Unauthorized,
)

CLIENT_ID: Final = "cdse-public"
REFRESH_BEFORE_SECONDS: Final = 60
"""Renew so long before the end; an access token lives for 600 s."""
_TOKEN: Final = re.compile(r"[!-~]{1,65536}")
_LONGEST_LIFETIME: Final = 1e9
"""Seconds, some 30 years: for tokens that never expire."""
_TOTP_STEP_SECONDS: Final = 30
_TOLERATED_SKEW_SECONDS: Final = 15


@dataclass(frozen=True)
class Token:
    """An access token and what renews it.

    ``expires`` and ``refresh_expires`` are when to renew, a while before the true end,
    in seconds since 1970 by our own clock: the service gives lifetimes, not times.
    """

    access: str = field(repr=False)
    expires: float
    refresh: str = field(repr=False)
    refresh_expires: float


class Session:
    """Gives tokens; all processes with the same folder and account share one."""

    def __init__(self, access: Access, transport: Transport) -> None:
        """Touches neither disk nor network."""
        self._access = access
        self._transport = transport
        self._file = access.token_file

    def token(self, refused: str | None = None, *, may_refresh: bool = True) -> str:
        """A token that should be accepted.

        Args:
            refused: a token that the service has just refused.
            may_refresh: False where a refreshed token was refused too: log in.

        Raises:
            AccessRefused: no account is set, or the service refuses it.
            ServiceUnavailable: the token service does not answer as it should.
        """
        if refused is None and (kept := self._kept()) and _is_fresh(kept.expires):
            return kept.access
        with self._lock():
            kept = self._kept()
            if kept and kept.access != refused and _is_fresh(kept.expires):
                return kept.access
            fresh = self._refreshed(kept) if kept and may_refresh else None
            fresh = fresh or self._logged_in()
            self._keep(fresh)
            return fresh.access

    def _refreshed(self, kept: Token) -> Token | None:
        """A new token from the refresh token; None where that is refused."""
        if not kept.refresh or not _is_fresh(kept.refresh_expires):
            return None
        form = {"grant_type": "refresh_token", "refresh_token": kept.refresh}
        try:
            return self._ask(form)
        except (Unauthorized, RequestRefused):
            return None

    def _logged_in(self) -> Token:
        account = self._account
        form = {
            "grant_type": "password",
            "username": account.username,
            "password": account.password,
        }
        try:
            return self._ask(_with_code(form, account, time.time()))
        except RequestRefused as error:
            raise _refused(str(error), account) from None
        except Unauthorized as error:
            skew = abs(error.server_time - time.time())
            if not account.totp_secret or skew < _TOLERATED_SKEW_SECONDS:
                raise _refused(str(error), account) from None
            at = error.server_time
        # Our clock is wrong, so the one-time code was; make it by the service's clock.
        try:
            return self._ask(_with_code(form, account, at))
        except (Unauthorized, RequestRefused) as error:
            raise _refused(str(error), account) from None

    def _ask(self, form: dict[str, str]) -> Token:
        fields = {"client_id": CLIENT_ID, **form}
        body = urlencode(fields, errors="surrogateescape").encode()
        kind = "application/x-www-form-urlencoded"
        request = Request(self._access.token_url, {"Content-Type": kind}, form=body)
        try:
            return _parsed(self._transport.json(request))
        except ProductGone as error:
            raise AccessRefused(
                f"{error}: there is no token service; check CDSE_TOKEN_URL"
            ) from None

    @property
    def _account(self) -> Account:
        if self._access.account is None:
            raise AccessRefused(
                "downloads need a CDSE account: set CDSE_USERNAME and CDSE_PASSWORD, "
                "or the S3 keys, or BEN_L1C_DIR to use zips that are on disk, or "
                "BEN_L1C_SOURCES=gcs to do without one"
            )
        return self._access.account

    def _kept(self) -> Token | None:
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            return Token(**json.loads(read_plain(self._file)))
        return None

    def _keep(self, token: Token) -> None:
        """Written beside and renamed; never readable by others, not even shortly."""
        partial = self._file.with_name(
            f".{self._file.name}.{uuid.uuid4().hex[:8]}.part"
        )
        with local_errors(self._file):
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "w") as file:
                    json.dump(asdict(token), file)
                partial.replace(self._file)
            finally:
                partial.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        folder = self._file.parent
        with contextlib.ExitStack() as stack:
            with local_errors(folder):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                name = f"cdse/{self._access.account_key}/token"
                lock = self._access.shared_locks.hold(name, lambda who: None)
                stack.enter_context(lock)
                for leftover in folder.glob(f".{self._file.name}.*.part"):
                    leftover.unlink(missing_ok=True)
            yield


def one_time_code(secret: str, at: float) -> str:
    """The six digits of RFC 6238 (SHA-1, 30 s) for a time in seconds since 1970.

    >>> one_time_code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59)
    '287082'

    Raises:
        InvalidInput: the secret is not base32; it is not repeated.
    """
    compact = secret.replace(" ", "").replace("-", "").upper()
    try:
        key = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except binascii.Error:
        raise InvalidInput("CDSE_TOTP_SECRET is not base32; copy it again") from None
    counter = struct.pack(">Q", int(at) // _TOTP_STEP_SECONDS)
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    start = digest[-1] & 0xF
    number = struct.unpack_from(">I", digest, start)[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def _with_code(form: dict[str, str], account: Account, at: float) -> dict[str, str]:
    if not account.totp_secret:
        return form
    return {**form, "totp": one_time_code(account.totp_secret, at)}


def _is_fresh(until: float) -> bool:
    """Whether there is time left; more than a day comes from a clock put back."""
    return 0 < until - time.time() < 86_400


def _renewal(lifetime: Any) -> float:  # noqa: ANN401  straight from JSON
    """When to renew what lives so many seconds from now.

    Raises:
        ValueError: no number of seconds, in ASCII digits where it is a text.
    """
    seconds = float(str(lifetime).encode("ascii"))
    if not 0 < seconds < _LONGEST_LIFETIME:
        raise ValueError(lifetime)
    return time.time() + seconds - min(REFRESH_BEFORE_SECONDS, seconds / 5)


def _parsed(content: dict[str, Any]) -> Token:
    try:
        access = str(content["access_token"])
        if not _TOKEN.fullmatch(access):
            raise ValueError  # not to be sent in a header
        return Token(
            access=access,
            expires=_renewal(content["expires_in"]),
            refresh=str(content.get("refresh_token") or ""),
            refresh_expires=_renewal(content.get("refresh_expires_in") or 3600),
        )
    except (KeyError, ValueError, TypeError):
        raise ServiceUnavailable(
            "the token service answered without access_token and expires_in"
        ) from None


def _refused(words: str, account: Account) -> AccessRefused:
    code = "CDSE_TOTP_SECRET" if account.totp_secret else "CDSE_TOTP_SECRET (not set)"
    return AccessRefused(
        f"log-in refused: {words}. Check CDSE_USERNAME, CDSE_PASSWORD and, if the "
        f"account has two-factor log-in, {code}; do not repeat it often, CDSE blocks "
        "accounts for that"
    )
