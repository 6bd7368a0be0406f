"""CDSE on loopback, for the demo and the tests: catalogue, token, download and S3.

One process, four ports: the catalogue and token host, the download host (the catalogue
redirects there, as the real one does), S3, and an unrelated host that must never see a
token. It serves the product zips of a folder, counts what it is asked, and plays the
faults of ``cdse_faults``.
"""

from __future__ import annotations

import argparse
import http.server
import json
import signal
import threading
from pathlib import Path

from ben_assets.safe.zips import product_of_zip
from ben_assets.testing.cdse_handlers import HANDLERS
from ben_assets.testing.cdse_state import (
    PASSWORD,
    ROLES,
    S3_ACCESS_KEY,
    S3_SECRET_KEY,
    USERNAME,
    CdseState,
    Product,
)
from ben_assets.testing.loopback import Host, LoopbackServer


class CdseServer(LoopbackServer, CdseState):
    """Runs the four hosts while its ``with`` block runs."""

    def __init__(self, folder: Path, *, token_seconds: float = 600) -> None:
        """Serve the product zips of ``folder``."""
        super().__init__(
            [
                Product.of_zip(path)
                for path in sorted(folder.iterdir())
                if path.is_file() and product_of_zip(path)
            ],
            token_seconds,
        )
        self.redirect = lambda path: self.url("download") + path
        self._host_of = {role: _Host(self, HANDLERS[role]) for role in ROLES}
        self.hosts = tuple(self._host_of.values())

    def url(self, role: str) -> str:
        """Address of a host, without a path."""
        return self._host_of[role].url

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


class _Host(Host):
    """One of the hosts; its handlers find the whole server here."""

    def __init__(
        self, cdse: CdseServer, handler: type[http.server.BaseHTTPRequestHandler]
    ) -> None:
        self.cdse = cdse
        super().__init__(handler)


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
