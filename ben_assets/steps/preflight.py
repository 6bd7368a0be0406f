"""Which source has which of the selected tiles, before anything is downloaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.l1c import IDS
from resources.data_root.facts import CatalogueEntry, ProductStatus
from resources.data_root.store import Storage
from resources.product_sources import (
    HAS_IT,
    CdseSource,
    Source,
    SourceAnswer,
    Sources,
    ask_briefly,
)
from resources.settings import Settings

_AT_ONCE: Final = 4
"""Questions to one source at the same time."""
_MOST_UNKNOWN: Final = 8
"""Questions in a row without an answer after which a source is left alone."""


@dataclass(frozen=True)
class PreflightRow:
    """One tile, as its sources see it."""

    tile: str
    """Tile key."""
    state: str
    """``online``: CDSE has it; ``elsewhere``: another source has it; otherwise nobody
    has, and the first source says ``offline``, ``gone``, ``several`` or ``unknown``."""
    sources: dict[str, str]
    """Source to what it says."""
    changed: tuple[str, ...] = ()
    """What differs from the tracked id, or from the record in ``tile_ids``."""
    newer_baselines: tuple[str, ...] = ()
    """Later baselines of the same acquisition; never taken in its place."""
    size: int = 0
    """Bytes to download from the first source that has it, 0 where unknown."""
    seconds: float = 0
    """How long the slowest source took to answer."""

    @property
    def found_in(self) -> list[str]:
        """The sources that have it, in order."""
        return [name for name, says in self.sources.items() if says == HAS_IT]

    @property
    def is_ready(self) -> bool:
        """Whether it can be downloaded now."""
        return bool(self.found_in)


@dataclass(frozen=True)
class PreflightReport:
    """All tiles."""

    rows: tuple[PreflightRow, ...]
    """In the order asked for."""
    seconds: float
    """How long it took."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "tiles": [
                {**asdict(row), "found_in": row.found_in, "ready": row.is_ready}
                for row in self.rows
            ],
            "bytes": sum(row.size for row in self.rows),
            "seconds": round(self.seconds, 3),
        }


def preflight(
    tiles: Iterable[Tile], settings: Settings, log: Callable[[str], None]
) -> PreflightReport:
    """Ask every source for every tile, four at a time each; downloads nothing."""
    started = time.monotonic()
    storage, wanted = Storage(settings.data_dir), list(tiles)
    sources = Sources.from_settings(settings, log).sources
    askers = [_Asker(source) for source in sources]
    pools = {source.name: ThreadPoolExecutor(_AT_ONCE) for source in sources}
    try:
        asked = [
            [pools[one.source.name].submit(one.ask, tile) for one in askers]
            for tile in wanted
        ]
        rows = tuple(
            _row(storage, tile, [future.result() for future in futures])
            for tile, futures in zip(wanted, asked, strict=True)
        )
    finally:
        for pool in pools.values():
            pool.shutdown(cancel_futures=True)
    return PreflightReport(rows, time.monotonic() - started)


def format_preflight(report: PreflightReport) -> str:
    """The rows as a table, followed by the totals."""
    rows = report.rows
    width = max((len(row.tile) for row in rows), default=4)
    lines = [
        f"{'tile':<{width}}  {'state':<10} {'found in':<9} {'MB':>8} {'s':>5}  note"
    ]
    for row in rows:
        size = f"{row.size / 1e6:.1f}" if row.size else "?"
        found = ",".join(row.found_in) or "nowhere"
        line = (
            f"{row.tile:<{width}}  {row.state:<10} {found:<9} {size:>8} "
            f"{row.seconds:>5.1f}  {_notes(row)}"
        )
        lines.append(line.rstrip())
    return "\n".join([*lines, _totals(report)])


def _notes(row: PreflightRow) -> str:
    newer = [f"newer: {name}" for name in row.newer_baselines]
    missed = [f"{name}: {s}" for name, s in row.sources.items() if s != HAS_IT]
    return escaped("; ".join([*row.changed, *newer, *missed]))


def _totals(report: PreflightReport) -> str:
    rows = report.rows
    total = sum(row.size for row in rows)
    names = dict.fromkeys(name for row in rows for name in row.sources)
    found = ", ".join(
        f"{sum(name in row.found_in for row in rows)} in {name}" for name in names
    )
    return (
        f"{len(rows)} tiles: {sum(row.is_ready for row in rows)} found ({found}), "
        f"{_count(rows, 'offline')} offline and {_count(rows, 'gone')} gone in "
        f"{next(iter(names), 'no source')}, "
        f"{sum(bool(row.changed) for row in rows)} changed, "
        f"{sum(bool(row.newer_baselines) for row in rows)} with newer baselines, "
        f"{total / 1e9:.2f} GB ({total} bytes); asked in {report.seconds:.1f} s"
    )


def _count(rows: Sequence[PreflightRow], word: str) -> int:
    """Tiles of which the first source says so."""
    return sum(next(iter(row.sources.values())).startswith(word) for row in rows)


@dataclass(frozen=True)
class _Asked:
    """One source's answer for one tile."""

    answer: SourceAnswer
    newer: tuple[str, ...]
    seconds: float


@dataclass
class _Asker:
    """Asks one source, until it is plain that it does not answer at all."""

    source: Source
    unknown: int = 0

    def ask(self, tile: Tile) -> _Asked:
        started = time.monotonic()
        if self.unknown >= _MOST_UNKNOWN:
            silent = f"unknown: not asked: {self.unknown} questions had no answer"
            return _Asked(SourceAnswer(self.source.name, silent), (), 0)
        answer = ask_briefly(self.source, tile.name)
        self.unknown = self.unknown + 1 if answer.is_unknown else 0
        newer = _newer(self.source, tile, answer)
        return _Asked(answer, newer, time.monotonic() - started)


def _newer(source: Source, tile: Tile, answer: SourceAnswer) -> tuple[str, ...]:
    """Later baselines of the acquisition, which only the catalogue can tell."""
    if not isinstance(source, CdseSource) or answer.catalogue is None:
        return ()
    names = answer.catalogue.other_baselines or ()
    if answer.catalogue.hits:
        try:
            names = tuple(source.catalogue.other_baselines(tile.name))
        except BenError:  # only explains: what counts was answered
            names = ()
    return tuple(n for n in names if n.split("_")[3] > f"N{tile.product.baseline}")


def _row(storage: Storage, tile: Tile, asked: Sequence[_Asked]) -> PreflightRow:
    answers = [one.answer for one in asked]
    first = next((answer for answer in answers if answer.has_it), None)
    catalogue = next((a.catalogue for a in answers if a.catalogue), None)
    hits = catalogue.hits if catalogue else ()
    return PreflightRow(
        tile.key,
        _state(answers, first),
        {answer.source: answer.says for answer in answers},
        _changed(storage, tile, hits[0]) if len(hits) == 1 else (),
        tuple(name for one in asked for name in one.newer),
        first.size if first else 0,
        round(max(one.seconds for one in asked), 3),
    )


def _state(answers: Sequence[SourceAnswer], first: SourceAnswer | None) -> str:
    if first is None:
        return answers[0].says.partition(":")[0]
    return "online" if first.catalogue is not None else "elsewhere"


def _changed(storage: Storage, tile: Tile, entry: CatalogueEntry) -> tuple[str, ...]:
    changed = []
    if tile.cdse_id not in (None, entry.id):
        changed.append(f"id {entry.id}, tracked {tile.cdse_id}")
    record = storage.find(IDS, tile.key)
    if record is not None:
        old = record.facts_as(ProductStatus)
        changed += [
            f"{name} differs from tile_ids"
            for name in ("id", "size", "checksums", "modified")
            if getattr(old, name) != getattr(entry, name)
        ]
    return tuple(changed)
