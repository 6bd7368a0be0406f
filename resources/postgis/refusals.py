"""What PostgreSQL refuses, as errors that say who has to act."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import psycopg2
import sqlalchemy.exc

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    InvalidInput,
    LocalResourceError,
    ServiceUnavailable,
)
from resources.postgres_dsn import setting_error, without_password

_WHAT_TO_DO: Final[dict[str, tuple[type[BenError], str]]] = {
    "08": (ServiceUnavailable, "the connection broke; nothing was changed; run again"),
    "0A": (
        LocalResourceError,
        "the server cannot do that; if PostGIS is missing, install it there (Debian: "
        "apt-get install postgresql-15-postgis-3)",
    ),
    "22": (InvalidInput, "a value does not fit the table; correct the input"),
    "23": (InvalidInput, "a rule of the table is broken; correct the input"),
    "28": (AccessRefused, "correct user and password in BEN_POSTGIS_DSN"),
    "3D": (InvalidInput, "create the database or correct BEN_POSTGIS_DSN"),
    "40": (ServiceUnavailable, "another transaction was first; run again"),
    "42": (
        InvalidInput,
        "the schema is not as this code made it; start over with "
        "'DROP SCHEMA bigearthnet CASCADE' and publish again",
    ),
    "42501": (
        AccessRefused,
        "expected a role that may do this; grant it the right, or let the owner of "
        "the database run 'ben postgis migrate' (an administrator: 'CREATE EXTENSION "
        "postgis') and publish as that owner",
    ),
    "53": (LocalResourceError, "the server lacks disk, memory or connections"),
    "53300": (ServiceUnavailable, "the server has no free connection; run again"),
    "55": (ServiceUnavailable, "another transaction holds the rows; run again"),
    "57": (ServiceUnavailable, "the server is stopping or cancelled it; run again"),
    "58": (LocalResourceError, "the server reports a fault of its system"),
}
"""SQLSTATE, or its class (first two characters), to error and advice."""


@contextlib.contextmanager
def refusals(database: str, dsn: str) -> Iterator[None]:
    """Turn errors of the driver into errors of ours.

    Args:
        database: names the database in the error, without a password.
        dsn: its connection string, whose password no error repeats.

    Raises:
        ServiceUnavailable: no server, lost connection, conflict: a later try can help.
        AccessRefused: log-in or a right is missing.
        LocalResourceError: no PostGIS on the server, or its disk or memory is full.
        InvalidInput: a value, the database or the schema is not as expected.
    """
    try:
        yield
    except psycopg2.Error as error:
        raise _translated(error, database, dsn) from None
    except sqlalchemy.exc.DBAPIError as error:
        if not isinstance(error.orig, psycopg2.Error):
            raise
        raise _translated(error.orig, database, dsn) from None


def _translated(error: psycopg2.Error, database: str, dsn: str) -> BenError:
    if error.pgcode is None:  # before the server said anything
        wrong = setting_error(error, dsn, "BEN_POSTGIS_DSN")
        if wrong is not None:
            return wrong
    kind, advice = _kind_of(error)
    said = without_password(str(error), dsn) or type(error).__name__
    return kind(f"PostGIS at {database}: {said}; {advice}")


def _kind_of(error: psycopg2.Error) -> tuple[type[BenError], str]:
    code = error.pgcode or ""
    for known in (code, code[:2]):
        if known in _WHAT_TO_DO:
            return _WHAT_TO_DO[known]
    # without a code: refused while connecting, or the connection went away
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return (
            ServiceUnavailable,
            "expected a running server; start it (make postgis) or correct "
            "BEN_POSTGIS_DSN; what was open is rolled back: run again",
        )
    return BenError, "unexpected: report it"
