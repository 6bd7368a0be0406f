"""A CDSE on loopback with one small product, and clients that are in a hurry."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ben_assets.testing.cdse_server import CdseServer
from ben_assets_tests.support.zip_products import NAME, write_product
from resources.cdse import Cdse, ProvenZip
from resources.settings import Settings

HASTE = {
    "CDSE_FIRST_WAIT_SECONDS": "0.01",
    "CDSE_LONGEST_WAIT_SECONDS": "0.01",
    "CDSE_LONGEST_PAUSE_SECONDS": "5",
}
"""Short waits and long limits: a lasting fault ends by the number of tries."""
NOTICES_SILENCE = {"CDSE_STALL_SECONDS": "2"}
"""For silence before a right answer, which must come sooner than that."""
GIVES_UP_AT_ONCE = {"CDSE_STALL_SECONDS": "0.4", "CDSE_GIVE_UP_SECONDS": "0"}
"""For a fault that lasts: the first failure is the last, however slow all is."""


def times_of(fault: object, times: int) -> int:
    """How often a fault is played: once if it ends by the clock alone."""
    return 1 if fault in ("stall", "drip") else times


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, str]]:
    """What the kernel is asked for, in order: (call, path)."""
    heard: list[tuple[str, str]] = []

    def path_of(handle):
        return str(Path(f"/proc/self/fd/{handle}").readlink())

    class LibC:
        @staticmethod
        def syncfs(handle):
            heard.append(("syncfs", path_of(handle)))
            return 0

    def fsync(handle):
        heard.append(("fsync", path_of(handle)))

    def renaming(rename):
        def call(source, target, **options):
            heard.append(("rename", str(target)))
            return rename(source, target, **options)

        return call

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: LibC)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", renaming(os.rename))
    monkeypatch.setattr(os, "replace", renaming(os.replace))
    return heard


def require_flushed(calls: list[tuple[str, str]], path: Path) -> None:
    """A file got its name when its bytes were on the disk; then the name came there."""
    at = calls.index(("rename", str(path)))
    call, part = calls[at - 1]
    assert (call, part.endswith(".part")) == ("fsync", True)
    assert calls[at + 1] == ("fsync", str(path.parent))


@dataclass
class Desk:
    """A client, its log, and where its files go."""

    server: CdseServer
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "product.zip"

    @property
    def environment(self) -> dict[str, str]:
        data = {"BEN_DATA_DIR": str(self.folder / "data")}
        return {**self.server.environment(), **HASTE, **data, **self.settings}

    @property
    def cdse(self) -> Cdse:
        return Cdse.from_settings(Settings(self.environment), self.log.append)

    def fetch(self, key: str = NAME) -> ProvenZip:
        return self.cdse.fetch(key, self.target)

    def require_right_bytes(self) -> None:
        right = self.server.product(NAME).path.read_bytes()
        assert self.target.read_bytes() == right


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CdseServer]:
    write_product(tmp_path / "archive")
    with CdseServer(tmp_path / "archive") as running:
        yield running


@pytest.fixture
def desk(server: CdseServer, tmp_path: Path) -> Callable[..., Desk]:
    """Makes clients; keyword arguments are settings."""
    return lambda **settings: Desk(server, tmp_path, settings)
