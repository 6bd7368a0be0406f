"""The tiles that can be made: the 125 of BigEarthNet v2 and the user's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ben_assets.bigearthnet.errors import InvalidProductName
from ben_assets.bigearthnet.product_names import Acquisition, ProductName, tile_key

ALIGNMENTS: Final = ("v1", "none")
"""``v1``: a patch needs a matching v1 patch; ``none``: all valid ones are exported."""


@dataclass(frozen=True)
class Tile:
    """One tile that can be made."""

    key: str
    """L1C product name without ``.SAFE``: the partition key."""
    alignment: str = "v1"
    """``v1`` or ``none``."""
    cdse_id: str | None = None
    """Id in the Copernicus Data Space, for the tracked tiles."""
    l1c_sha256: str | None = None
    """SHA-256 of the L1C zip that the published data set was made from."""

    @property
    def product(self) -> ProductName:
        """The L1C product name in its parts."""
        return ProductName.parse(self.key)

    @property
    def is_published(self) -> bool:
        """Whether the tile is one of the 125 of BigEarthNet v2."""
        return self.cdse_id is not None


def parse_tracked_tiles(text: str) -> list[Tile]:
    """The tiles of ``tracked-artifacts/tiles.csv``: columns tile, id, sha256."""
    rows = csv.DictReader(io.StringIO(text))
    return [
        Tile(tile_key(r["tile"]), cdse_id=r["id"], l1c_sha256=r["sha256"]) for r in rows
    ]


def add_own_tiles(
    tiles: Iterable[Tile], text: str, source: str
) -> tuple[list[Tile], list[str]]:
    """``tiles`` followed by those of a user's CSV, and what is wrong with the CSV.

    A malformed row, or one that repeats an acquisition, is reported and left out.

    Args:
        tiles: the tiles so far.
        text: CSV with the column ``tile`` and optionally ``alignment``.
        source: file name for the reports.
    """
    known: dict[Acquisition, str] = {t.product.acquisition: t.key for t in tiles}
    result, reports = list(tiles), []
    rows = csv.DictReader(
        io.StringIO(text.removeprefix("\ufeff")), skipinitialspace=True
    )
    try:
        if "tile" not in (rows.fieldnames or ()):
            found = rows.fieldnames
            reports.append(
                f"{source}, line 1: expected a column 'tile', found {found}; the file "
                "is ignored"
            )
            return result, reports
        for row in rows:
            try:
                result.append(_own_tile(row, known))
            except InvalidProductName as error:
                reports.append(f"{source}, line {rows.line_num}: {error}; left out")
    except csv.Error as error:
        line = rows.line_num
        reports.append(f"{source}, line {line}: {error}; left out with all that follow")
    return result, reports


def _own_tile(row: dict[str, str | None], known: dict[Acquisition, str]) -> Tile:
    """The tile of a row, then known as well."""
    alignment = (row.get("alignment") or "").strip() or "v1"
    if alignment not in ALIGNMENTS:
        raise InvalidProductName(
            f"alignment is {alignment!r}; expected one of {', '.join(ALIGNMENTS)}"
        )
    tile = Tile(tile_key((row["tile"] or "").strip()), alignment)
    match = known.setdefault(tile.product.acquisition, tile.key)
    if match is not tile.key:
        raise InvalidProductName(f"{tile.key} is the same acquisition as {match}")
    return tile
