"""Connection strings of PostgreSQL: what is wrong with one, without repeating it."""

from __future__ import annotations

import re
from typing import Final

import psycopg2
import psycopg2.extensions

from ben_assets.bigearthnet.errors import AccessRefused, BenError, InvalidInput
from ben_assets.bigearthnet.outside_text import escaped
from resources.redaction import redacted

_HOST: Final = re.compile(r"[A-Za-z0-9._:,/\-\[\]%]*")
_PORT: Final = re.compile(r"[0-9]{1,5}(?:,[0-9]{1,5})*")
_NAME: Final = re.compile(r"[^@/?#:\s]*")
NO_ACCESS: Final = re.compile(
    r"authentication failed|no password supplied|role .* does not exist"
    r"|no pg_hba.conf entry|not permitted to log in"
)
NO_DATABASE: Final = re.compile(r"database .* does not exist")
_SECRET_PARTS: Final = ("password", "secret")
"""End the names of parts of a connection string that nobody may see."""
_WRONG_VALUE: Final = re.compile(
    r"invalid (?:integer value|port number|\w+ value|connection option|URI|dsn)"
    r"|missing \"=\" after|unterminated quoted string"
)


def parse_dsn(dsn: str, setting: str) -> dict[str, str]:
    """The parts of a connection string, if none looks like a piece of a password.

    Raises:
        InvalidInput: it is none, or a letter in it should have been written as
            ``%40`` (``@``) and the like; it is not repeated.
    """
    try:
        parts = psycopg2.extensions.parse_dsn(dsn)
    except psycopg2.ProgrammingError:
        parts = None
    patterns = {"host": _HOST, "port": _PORT, "dbname": _NAME, "user": _NAME}
    if parts is None or not all(
        pattern.fullmatch(parts.get(name, "0" if name == "port" else ""))
        for name, pattern in patterns.items()
    ):
        raise InvalidInput(
            f"{setting} is not a connection string; expected "
            "postgresql://user:password@host:5432/database or "
            "'host=... dbname=... user=...'; in a URL write @ / : ? # % of a password "
            "as %40 %2F %3A %3F %23 %25"
        ) from None
    return {str(name): str(value) for name, value in parts.items()}


def without_password(text: str, dsn: str) -> str:
    """A message of the driver on one line, without any part of the password.

    Where none is given, what stands for user and database may be one.
    """
    try:
        parts = psycopg2.extensions.parse_dsn(dsn)
        unproven = [parts.get("user"), parts.get("dbname")]
        hidden = [parts[name] for name in parts if name.endswith(_SECRET_PARTS)]
        hidden += [] if "password" in parts else unproven
    except psycopg2.ProgrammingError:
        hidden = [dsn]
    return escaped(redacted(" ".join(text.split()), hidden))


def shown_dsn(parts: dict[str, str]) -> str:
    """Names a database in errors and records, without what may be a password."""
    place = f"{parts.get('host', 'local socket')}:{parts.get('port', '5432')}"
    if "password" not in parts and "host" in parts:
        return place
    user = f"{parts['user']}@" if "user" in parts else ""
    return f"{user}{place}/{parts.get('dbname', parts.get('user', ''))}"


def setting_error(error: psycopg2.Error, dsn: str, setting: str) -> BenError | None:
    """What a person must correct in the setting; None where waiting may help."""
    text = str(error)
    said = without_password(text, dsn)
    if NO_ACCESS.search(text):
        return AccessRefused(f"{setting}: {said}; correct user and password in it")
    if NO_DATABASE.search(text):
        return InvalidInput(f"{setting}: {said}; create the database or correct it")
    if _WRONG_VALUE.search(text):
        return InvalidInput(f"{setting}: {said}; correct it")
    return None
