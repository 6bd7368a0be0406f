"""What the catalogue knows of the selected tiles, before anything is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.l1c import IDS, entry_of
from resources.cdse import CatalogueEntry, Cdse
from resources.data_root.store import Storage
from resources.settings import Settings

_AT_ONCE: Final = 4


@dataclass(frozen=True)
class PreflightRow:
    """One tile, as the catalogue sees it."""

    tile: str
    """Tile key."""
    state: str
    """``online``, ``offline``, ``gone``, ``several`` or the class of a failure."""
    changed: tuple[str, ...] = ()
    """What differs from the tracked id, or from the record in ``tile_ids``."""
    newer_baselines: tuple[str, ...] = ()
    """Later baselines of the same acquisition; never taken in its place."""
    size: int = 0
    """Bytes of the zip, 0 where unknown."""
    remark: str = ""
    """Why, where it is not online."""

    @property
    def is_ready(self) -> bool:
        """Whether it can be downloaded now."""
        return self.state == "online"


def preflight(
    tiles: Iterable[Tile], settings: Settings, log: Callable[[str], None]
) -> list[PreflightRow]:
    """Ask the catalogue for every tile, four at a time; downloads nothing."""
    cdse, storage = Cdse.from_settings(settings, log), Storage(settings.data_dir)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda tile: _row(cdse, storage, tile), tiles))


def format_preflight(rows: list[PreflightRow]) -> str:
    """The rows as a table, followed by the totals."""
    width = max((len(row.tile) for row in rows), default=4)
    lines = [f"{'tile':<{width}}  {'state':<10} {'MB':>8}  changed, newer, remark"]
    for row in rows:
        newer = [f"newer: {name}" for name in row.newer_baselines]
        notes = "; ".join([*row.changed, *newer, *filter(None, [row.remark])])
        size = f"{row.size / 1e6:.1f}" if row.size else "?"
        lines.append(
            f"{row.tile:<{width}}  {row.state:<10} {size:>8}  {notes}".rstrip()
        )
    total = sum(row.size for row in rows)
    lines.append(
        f"{len(rows)} tiles: {sum(row.is_ready for row in rows)} online, "
        f"{sum(row.state == 'offline' for row in rows)} offline, "
        f"{sum(row.state == 'gone' for row in rows)} gone, "
        f"{sum(bool(row.changed) for row in rows)} changed, "
        f"{sum(bool(row.newer_baselines) for row in rows)} with newer baselines, "
        f"{total / 1e9:.2f} GB ({total} bytes)"
    )
    return "\n".join(lines)


def _row(cdse: Cdse, storage: Storage, tile: Tile) -> PreflightRow:
    try:
        hits = cdse.catalogue.hits(f"{tile.name}.SAFE")
        newer = tuple(
            name
            for name in cdse.catalogue.other_baselines(tile.name)
            if name.split("_")[3] > f"N{tile.product.baseline}"
        )
        if len(hits) == 1:
            return _found(storage, tile, hits[0], newer)
        remark = ""
        if not hits:
            deleted = cdse.catalogue.deletion("Name", f"{tile.name}.SAFE")
            remark = f"deleted {deleted.date}: {deleted.cause}" if deleted else ""
        state = "several" if hits else "gone"
        return PreflightRow(tile.key, state, (), newer, remark=remark)
    except BenError as error:
        return PreflightRow(tile.key, str(error.failure_class), remark=str(error))


def _found(
    storage: Storage, tile: Tile, entry: CatalogueEntry, newer: tuple[str, ...]
) -> PreflightRow:
    changed = []
    if tile.cdse_id not in (None, entry.id):
        changed.append(f"id {entry.id}, tracked {tile.cdse_id}")
    record = storage.find(IDS, tile.key)
    if record is not None:
        old = entry_of(record)
        for name in ("id", "size", "checksums", "modified"):
            if getattr(old, name) != getattr(entry, name):
                changed.append(f"{name} differs from tile_ids")
    state = "online" if entry.online else "offline"
    return PreflightRow(tile.key, state, tuple(changed), newer, entry.size)
