"""CDSE on loopback, for the demo and the tests: catalogue, token, download and S3.

One process, four ports: the catalogue and token host, the download host (the catalogue
redirects there, as the real one does), S3, and a foreign host that must never see a
token. It serves the product zips of a folder, counts what it is asked, and plays the
faults of ``cdse_faults``. Replies have the shape of those seen in 2024 to 2026.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import re
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.safe_zip import product_of_zip
from ben_assets.demo.cdse_faults import Script

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
        from blake3 import blake3

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


class CdseServer:
    """Runs the four hosts while its ``with`` block runs."""

    def __init__(self, folder: Path, *, token_seconds: float = 600) -> None:
        """Serve the product zips of ``folder``."""
        from ben_assets.demo.cdse_handlers import HANDLERS

        self.products = [
            Product.of_zip(path)
            for path in sorted(folder.iterdir())
            if path.is_file() and product_of_zip(path)
        ]
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
        self.redirect: Callable[[str], str] = lambda path: self.url("download") + path
        """Where the catalogue host sends a download."""
        self._hosts = {role: _Host(self, HANDLERS[role]) for role in ROLES}

    def url(self, role: str) -> str:
        """Address of a host, without a path."""
        return f"http://127.0.0.1:{self._hosts[role].server_address[1]}"

    def product(self, key: str) -> Product:
        """The product of a tile key."""
        return next(one for one in self.products if one.name == f"{key}.SAFE")

    def environment(self, *, s3: bool = False) -> dict[str, str]:
        """The settings that lead a client here; with S3 keys if asked."""
        keys = {
            "CDSE_S3_ACCESS_KEY": S3_ACCESS_KEY,
            "CDSE_S3_SECRET_KEY": S3_SECRET_KEY,
        }
        realm = "/auth/realms/CDSE/protocol/openid-connect/token"
        return {
            "CDSE_USERNAME": USERNAME,
            "CDSE_PASSWORD": PASSWORD,
            "CDSE_CATALOGUE_URL": f"{self.url('catalogue')}/odata/v1",
            "CDSE_TOKEN_URL": f"{self.url('catalogue')}{realm}",
            "CDSE_DOWNLOAD_URL": f"{self.url('download')}/odata/v1",
            "CDSE_S3_URL": self.url("s3"),
            **(keys if s3 else {}),
        }

    def __enter__(self) -> Self:
        """Start to answer."""
        for host in self._hosts.values():
            threading.Thread(target=host.serve_forever, args=(0.01,)).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        for host in self._hosts.values():
            host.shutdown()
            host.server_close()


class _Host(http.server.ThreadingHTTPServer):
    """One of the hosts; its handlers find the whole server here."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, cdse: CdseServer, handler: type[http.server.BaseHTTPRequestHandler]
    ) -> None:
        self.cdse = cdse
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """A client that goes away is no news here."""


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


def main() -> None:
    """Serve a folder until SIGTERM; the first line of output holds the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fault-probability", type=float, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with CdseServer(given.folder) as server:
        server.script.roll(given.fault_probability, given.seed)
        print(json.dumps(server.environment()), flush=True)
        stop.wait()
        print(json.dumps(server.seen.summary()), flush=True)


if __name__ == "__main__":
    main()
