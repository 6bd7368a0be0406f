"""What the loopback CDSE has and has seen; its hosts answer from this.

Replies have the shape of those seen in 2024 to 2026.
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.zips import product_of_zip
from ben_assets.testing.cdse_faults import Script

USERNAME: Final = "demo@example.org"
PASSWORD: Final = "demo-password-of-no-account"
S3_ACCESS_KEY: Final = "DEMOACCESSKEY"
S3_SECRET_KEY: Final = "demo-secret-key-of-no-account"
ROLES: Final = ("catalogue", "download", "s3", "foreign")
_CLAUSES: Final = re.compile(r"(Name|Id) eq '?([^' ]+)'?|(\w+)\(Name,'([^']*)'\)")


@dataclass
class Product:
    """One product as the catalogue shows it; tests change it at will."""

    id: str
    name: str
    """With ``.SAFE``."""
    path: Path
    """The zip that is served."""
    size: int
    """ContentLength."""
    checksums: list[dict[str, str]]
    """Checksum."""
    online: bool = True
    etag: str = '"1"'
    """Sent with the zip, empty for none."""

    @classmethod
    def of_zip(cls, path: Path) -> Product:
        """The product in a zip, under an id made from its name."""
        name = f"{product_of_zip(path)}.SAFE"
        content = path.read_bytes()
        digests = {
            "MD5": hashlib.md5(content).hexdigest(),
            "BLAKE3": blake3(content).hexdigest(),
        }
        date = "2024-07-09T08:45:31.631883Z"
        checksums = [
            {"Value": digest, "Algorithm": algorithm, "ChecksumDate": date}
            for algorithm, digest in digests.items()
        ]
        product_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        return cls(product_id, name, path, len(content), checksums)

    @property
    def s3_prefix(self) -> str:
        """Where its files lie in the bucket."""
        day = ProductName.parse(self.name).sensing_time
        return f"Sentinel-2/MSI/L1C/{day:%Y/%m/%d}/{self.name}"

    def row(self) -> dict[str, Any]:
        """The product as OData."""
        return {
            "@odata.mediaContentType": "application/octet-stream",
            "Id": self.id,
            "Name": self.name,
            "ContentType": "application/octet-stream",
            "ContentLength": self.size,
            "OriginDate": "2024-07-09T08:35:54.000Z",
            "PublicationDate": "2024-07-09T08:44:52.873Z",
            "ModificationDate": "2024-07-09T08:45:31.989123Z",
            "Online": self.online,
            "EvictionDate": "9999-12-31T23:59:59.999Z",
            "S3Path": f"/eodata/{self.s3_prefix}",
            "Checksum": self.checksums,
            "Footprint": None,
            "GeoFootprint": None,
        }


@dataclass
class Seen:
    """What the server was asked; the tests read it."""

    requests: Counter[str] = field(default_factory=Counter)
    """By route."""
    logins: int = 0
    refreshes: int = 0
    most_open_downloads: int = 0
    authorizations: dict[str, set[str]] = field(
        default_factory=lambda: {role: set() for role in ROLES}
    )
    """Authorization headers by the host that got them."""
    paths: list[str] = field(default_factory=list)
    """Paths with their queries, of all hosts."""
    ranges: list[str] = field(default_factory=list)
    """Range headers of downloads."""
    bodies: list[bytes] = field(default_factory=list)
    """Bodies of all POSTs that did not go to the token endpoint."""

    def summary(self) -> dict[str, Any]:
        """The counts, for other processes."""
        return {
            "requests": dict(self.requests),
            "logins": self.logins,
            "refreshes": self.refreshes,
            "most_open_downloads": self.most_open_downloads,
        }


class CdseState:
    """Products, sessions and faults, shared by all hosts under ``lock``."""

    def __init__(self, products: list[Product], token_seconds: float) -> None:
        """Nobody has asked yet."""
        self.products = products
        self.deleted: list[dict[str, str]] = []
        self.script = Script()
        self.seen = Seen()
        self.lock = threading.Lock()
        self.open_downloads: set[Any] = set()
        self.token_seconds = token_seconds
        self.tokens: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.password = PASSWORD
        self.expected_code: Callable[[], str] | None = None
        """Gives the one-time code that a log-in must bring, where asked for."""
        self.max_sessions = 4
        self.latency_seconds = 0.0
        """What each answer waits for, as if the service were far away."""
        self.redirect: Callable[[str], str] = str
        """Where the catalogue host sends a download."""


def matching(rows: list[dict[str, Any]], condition: str) -> list[dict[str, Any]] | None:
    """The rows that an OData filter lets through; None for one not understood."""
    for clause in condition.split(" and "):
        match = _CLAUSES.fullmatch(clause.strip())
        if match is None:
            return None
        name, value, function, text = match.groups()
        tests = {"startswith": str.startswith, "contains": str.__contains__}
        if name:
            rows = [row for row in rows if row.get(name) == value]
        elif function in tests:
            rows = [row for row in rows if tests[function](row["Name"], text)]
        else:
            return None
    return rows
