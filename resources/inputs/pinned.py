"""The pinned inputs: which are on disk, and whether they are the pinned ones."""

from __future__ import annotations

import bz2
import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.bigearthnet.errors import MissingInput
from resources.data_root.digest_cache import DigestCache
from resources.data_root.file_locks import FileLocks
from resources.data_root.files import local_errors, put_in_place
from resources.inputs.pins import (
    CLOUD,
    CORINE,
    COUNTRIES,
    S1_MAPPING,
    SNOW,
    TILE_LINKS,
    V1_ZONES,
    InputPlaces,
    Pin,
    find_reference,
    footprints_name,
    load_pins,
)
from resources.settings import Settings
from resources.transfers.timeouts import Timeouts

CONSEQUENCES: Final[dict[str, str]] = {
    TILE_LINKS: "names of v1 tiles may be others; no artifact is made from it",
    S1_MAPPING: "patches may get other matching Sentinel-1 patches than published",
    CLOUD: "other patches than published may count as cloudy",
    SNOW: "other patches than published may count as snowy",
    COUNTRIES: "patches may get other countries than published",
    CORINE: "reference maps and labels may be others than published",
    **{
        footprints_name(epsg): f"other patches than published may align in EPSG:{epsg}"
        for epsg in V1_ZONES
    },
}
"""What it means to use another file than the pinned one."""


@dataclass(frozen=True)
class InputStatus:
    """One pinned input as it is on disk."""

    pin: Pin
    """What it should be."""
    path: Path
    """Where it is."""
    sha256: str
    """Its digest now."""
    is_pinned: bool
    """Whether it is the file that BigEarthNet v2 was made with."""

    @property
    def outcome(self) -> str:
        """One sentence for people."""
        if self.is_pinned:
            return "the pinned file"
        return (
            f"not the pinned file: {CONSEQUENCES[self.pin.name]}; hashes of what is "
            "made from it will not be the published ones "
            f"(expected {self.pin.expected}, found sha256 {self.sha256})"
        )


class PinnedInputs:
    """Finds, fetches and evaluates the pinned inputs."""

    def __init__(self, settings: Settings, *, reads_anew: bool = False) -> None:
        """As the settings say; ``reads_anew`` as of ``DigestCache``."""
        self._settings = settings
        self.places = InputPlaces.from_settings(settings)
        self._digests = DigestCache(settings.data_dir, reads_anew=reads_anew)
        self.pins = load_pins()

    def find(self, name: str) -> InputStatus | None:
        """An input as it is on disk, or None where it is not."""
        path = self.places.find(name)
        if path is None:
            return None
        pin = self.pins[name]
        digest = self._digests.digest(path)
        matches = digest == pin.sha256 if pin.sha256 else pin.matches(path)
        return InputStatus(pin, path, digest, matches)

    def require(
        self,
        name: str,
        log: Callable[[str], None],
        give_up_seconds: float = Timeouts.give_up_seconds,
    ) -> InputStatus:
        """An input as it is on disk, fetched if it is not there, by one at a time.

        Args:
            name: file name.
            log: takes progress lines.
            give_up_seconds: as of ``fetch``.

        Raises:
            MissingInput: it can only be put there by hand.
            BenError: it cannot be fetched; see ``fetch``.
        """
        status = self.find(name)
        if status is not None:
            return status
        fetch = self._fetcher(name, log, give_up_seconds)
        target = self.places.expected(name)
        with _alone(target, log):
            if self.find(name) is None:
                fetch(target)
        return self._there(name)

    def _fetcher(
        self, name: str, log: Callable[[str], None], give_up_seconds: float
    ) -> Callable[[Path], None]:
        """What brings an input to its place."""
        pin = self.pins[name]
        if name == CORINE:
            return self._corine_fetcher(pin, log)
        if not pin.is_fetchable:
            raise MissingInput(
                f"{name} is missing: expected {self.places.expected(name)}; get it by "
                f"hand from {pin.home} and put it there"
            )
        from resources.inputs.fetch import fetch  # brings the catalogue along

        return lambda to: fetch(pin, to, log, give_up_seconds=give_up_seconds)

    def _corine_fetcher(
        self, pin: Pin, log: Callable[[str], None]
    ) -> Callable[[Path], None]:
        from resources.clms.corine import corine_download  # brings cryptography along

        download = corine_download(self._settings, pin, log)
        if download is None:
            raise MissingInput(
                f"{CORINE} is missing: expected {self.places.expected(CORINE)}; set "
                "CLMS_SERVICE_KEY to the file of a service key of the Land Monitoring "
                f"Service, or get it by hand from {pin.home} and put it there"
            )
        return download.fetch

    def import_existing(
        self, name: str, source: Path, log: Callable[[str], None]
    ) -> InputStatus | None:
        """Copy an input from a local folder; None where it is not there."""
        path = find_reference(source, name)
        if path is None:
            return None
        target = self.places.folder / path.name
        partial = target.with_name(f".{target.name}.part")
        with _alone(target, log), local_errors(target):
            if self.find(name) is None:
                shutil.copyfile(path, partial)
                put_in_place(partial, target)
        return self._there(name)

    def _there(self, name: str) -> InputStatus:
        status = self.find(name)
        assert status is not None
        return status


@contextlib.contextmanager
def _alone(target: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Be the only process that brings a file; waits for another one, and says so."""
    with contextlib.ExitStack() as stack:
        with local_errors(target):
            one_at_a_time = FileLocks(target.parent / ".locks").hold(
                target.name,
                lambda who: log(f"{target.name} is being fetched by {who}; waiting"),
            )
            stack.enter_context(one_at_a_time)
        yield


def count_rows(path: Path) -> int:
    """Rows of a parquet or CSV file (compressed or not), features of a map layer."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.ParquetFile(path).metadata.num_rows)
    if path.suffix == ".geojson":
        return len(json.loads(path.read_text())["features"])
    if path.suffix == ".gpkg":
        import pyogrio

        return int(pyogrio.read_info(path)["features"])
    return sum(1 for _ in _lines(path))


def _lines(path: Path) -> Iterator[bytes]:
    with bz2.open(path) if path.suffix == ".bz2" else path.open("rb") as file:
        yield from file


def digest_of(found: list[InputStatus]) -> str:
    """One digest for several inputs."""
    return hash_list_digest({status.path.name: status.sha256 for status in found})
