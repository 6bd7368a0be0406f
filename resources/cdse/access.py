"""Who asks the Copernicus Data Space (CDSE), where, and how patiently.

Belongs here: account, addresses, limits, all from settings. Not here: any request.
Defaults: CDSE documentation of 2025 (addresses; 4 connections for each account).
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ben_assets.bigearthnet.errors import AccessRefused, InvalidInput
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.plain_files import read_plain
from resources.data_root.file_locks import FileLocks, locks_of
from resources.data_root.locks import Locks
from resources.redaction import redacted
from resources.settings import Settings
from resources.transfers.public_access import is_loopback
from resources.transfers.timeouts import Timeouts

CATALOGUE_URL: Final = "https://catalogue.dataspace.copernicus.eu/odata/v1"
TOKEN_URL: Final = (
    "https://identity.dataspace.copernicus.eu"
    "/auth/realms/CDSE/protocol/openid-connect/token"
)
DOWNLOAD_URL: Final = "https://download.dataspace.copernicus.eu/odata/v1"
S3_URL: Final = "https://eodata.dataspace.copernicus.eu"
PUBLIC_HOSTS: Final = "*.dataspace.copernicus.eu"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Account:
    """A CDSE account; its secrets never appear in its text."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    totp_secret: str | None = field(default=None, repr=False)
    """Base32 secret that one-time codes are made from, where the account has it."""


@dataclass(frozen=True)
class S3Keys:
    """Keys for the S3 interface, made on the account page."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Access:
    """All that a client needs to know before its first request."""

    shared: Path
    """Folder for what all processes share: token, pauses, locks as files."""
    locks: Locks | None = None
    """Where connection slots and the token's lock are, if not in ``shared``."""
    account: Account | None = None
    """Needed for downloads by HTTP."""
    s3_keys: S3Keys | None = None
    """Where set, downloads go by S3."""
    catalogue_url: str = CATALOGUE_URL
    token_url: str = TOKEN_URL
    download_url: str = DOWNLOAD_URL
    s3_url: str = S3_URL
    more_hosts: tuple[str, ...] = (PUBLIC_HOSTS,)
    """Hosts (``name``, ``name:port``, ``*.name``) that may see a token, besides those
    of the addresses above."""
    timeouts: Timeouts = field(default_factory=Timeouts)

    @classmethod
    def from_settings(cls, settings: Settings) -> Access:
        """As the ``CDSE_*`` settings say.

        Raises:
            InvalidInput: half of an account or key pair, or a number that is none.
        """
        user, password = _pair(settings, "CDSE_USERNAME", "CDSE_PASSWORD")
        key, secret = _pair(settings, "CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY")
        settings.token("CDSE_S3_ACCESS_KEY")
        totp = settings.text("CDSE_TOTP_SECRET")
        hosts = settings.text("CDSE_ALLOWED_HOSTS", PUBLIC_HOSTS) or ""
        return cls(
            shared=settings.data_dir / ".cdse",
            locks=locks_of(settings),
            account=Account(user, password, totp) if user else None,
            s3_keys=S3Keys(key, secret) if key else None,
            catalogue_url=settings.address("CDSE_CATALOGUE_URL", CATALOGUE_URL),
            token_url=settings.address("CDSE_TOKEN_URL", TOKEN_URL),
            download_url=settings.address("CDSE_DOWNLOAD_URL", DOWNLOAD_URL),
            s3_url=settings.address("CDSE_S3_URL", S3_URL),
            more_hosts=tuple(hosts.replace(",", " ").split()),
            timeouts=Timeouts.from_settings(settings),
        )

    @property
    def shared_locks(self) -> Locks:
        """What keeps processes that share the account apart."""
        return self.locks or FileLocks(self.shared)

    @property
    def account_key(self) -> str:
        """Names the account in shared files without telling it."""
        user = self.account.username if self.account else ""
        key = self.s3_keys.access_key if self.s3_keys else ""
        return hashlib.sha256(f"{self.token_url} {user or key}".encode()).hexdigest()[
            :16
        ]

    @property
    def token_file(self) -> Path:
        """Where the tokens lie that all processes share."""
        return self.shared / f"token-{self.account_key}.json"

    def without_secrets(self, text: str, *more: str | None) -> str:
        """``text`` without any part of the secrets of this account, and of ``more``."""
        known = [*more, *self._tokens_on_file()]
        if self.account:
            known += [self.account.password, self.account.totp_secret]
        if self.s3_keys:
            known += [self.s3_keys.access_key, self.s3_keys.secret_key]
        return redacted(text, known)

    def _tokens_on_file(self) -> list[str]:
        """Access and refresh token of the account's session, where there is one."""
        try:
            fields = json.loads(read_plain(self.token_file))
            return [str(fields[name]) for name in ("access", "refresh")]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return []  # none, or damaged: the session logs in anew

    def require_allowed(self, url: str) -> None:
        """Refuse an address that a request, and maybe a token, must not go to.

        Raises:
            AccessRefused: another host than allowed, or no https outside loopback.
        """
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
        place = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        if scheme != "https" and not (scheme == "http" and is_loopback(host)):
            raise AccessRefused(
                f"{place} is refused: expected https, which keeps tokens secret (http "
                "is for this machine only); check the CDSE_*_URL settings, or report "
                "the redirect to the service"
            )
        urls = (self.catalogue_url, self.token_url, self.download_url, self.s3_url)
        patterns = (*(urlsplit(known).netloc for known in urls), *self.more_hosts)
        try:
            port = parts.port or _PORTS[scheme]
        except ValueError as error:
            raise AccessRefused(
                f"{escaped(place)} is not an address: {error}; report the redirect to "
                "the service"
            ) from None
        if not any(_matches(pattern, host, port) for pattern in patterns):
            raise AccessRefused(
                f"{place} is refused: the service sent us to a host that is not "
                f"allowed to see the token; expected one of {', '.join(patterns)}. If "
                "it belongs to the service, add it to CDSE_ALLOWED_HOSTS"
            )


def _matches(pattern: str, host: str, port: int) -> bool:
    """Whether ``host:port`` is meant; without a port any is."""
    parts = urlsplit(f"//{pattern.lower()}")
    return (
        fnmatch.fnmatchcase(host.lower(), parts.hostname or "")
        and (parts.port or port) == port
    )


def _pair(settings: Settings, first: str, second: str) -> tuple[str, str]:
    values = settings.text(first) or "", settings.text(second) or ""
    if bool(values[0]) != bool(values[1]):
        unset = second if values[0] else first
        raise InvalidInput(f"{first} and {second} belong together; {unset} is not set")
    return values
