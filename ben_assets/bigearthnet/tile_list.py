"""The tiles that can be made: the user's own and the 125 of BigEarthNet v2."""

from __future__ import annotations

import csv
import difflib
import functools
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput, InvalidProductName
from ben_assets.bigearthnet.product_names import ProductName

ALIGNMENTS: Final = ("v1", "none")
"""``v1``: a patch needs a matching v1 patch; ``none``: all valid ones are exported."""

_SHOWN_TEXT: Final = 200
_SHOWN: Final = 5


@dataclass(frozen=True)
class Tile:
    """One tile that can be made."""

    name: str
    """Name of the product it starts from, L1C or L2A, without ``.SAFE``."""
    alignment: str = "v1"
    """``v1`` or ``none``."""
    cdse_id: str | None = None
    """Id in the Copernicus Data Space, for the tracked tiles."""
    l1c_sha256: str | None = None
    """SHA-256 of the L1C zip that the published data set was made from."""

    @property
    def key(self) -> str:
        """The partition key: MGRS tile and sensing time."""
        return self.product.tile_key

    @functools.cached_property  # each key asks, and 50,000 tiles take seconds
    def product(self) -> ProductName:
        """The product name in its parts."""
        return ProductName.parse(self.name)

    @property
    def is_published(self) -> bool:
        """Whether the tile is one of the 125 of BigEarthNet v2."""
        return self.cdse_id is not None

    @property
    def starts_at_l2a(self) -> bool:
        """Whether the tile starts from an L2A product, with no L1C product."""
        return self.product.level == "L2A"


def parse_tracked_tiles(text: str) -> list[Tile]:
    """The tiles of ``tracked-artifacts/tiles.csv``: tile, product, id, sha256."""
    rows = csv.DictReader(io.StringIO(text))
    return [Tile(r["product"], cdse_id=r["id"], l1c_sha256=r["sha256"]) for r in rows]


def add_own_tiles(
    tracked: Iterable[Tile], text: str, source: str
) -> tuple[list[Tile], list[str]]:
    """The tiles of a user's CSV followed by ``tracked``; what is wrong with the CSV.

    A malformed row is reported and left out, and so is one that repeats the MGRS tile
    and sensing time of another: one key cannot name two products.

    Args:
        tracked: tiles that are known already.
        text: CSV with the column ``tile`` (a product name, L1C or L2A, with or without
            ``.SAFE``) and optionally ``alignment``.
        source: file name for the reports.
    """
    rows = csv.DictReader(
        io.StringIO(text.removeprefix("\ufeff")), skipinitialspace=True
    )
    tracked = list(tracked)
    known = {tile.key: tile for tile in tracked}
    own: list[Tile] = []
    reports = []
    try:
        if "tile" not in (rows.fieldnames or ()):
            found = str(rows.fieldnames)[:_SHOWN_TEXT]
            reports.append(
                f"{source}, line 1: expected a column 'tile', found {found}; the file "
                "is ignored"
            )
            return tracked, reports
        for row in rows:
            try:
                own.append(_own_tile(row, known))
            except InvalidProductName as error:
                reports.append(f"{source}, line {rows.line_num}: {error}; left out")
    except csv.Error as error:
        line = rows.line_num
        reports.append(f"{source}, line {line}: {error}; left out with all that follow")
    return [*own, *tracked], reports


def _own_tile(row: dict[str, str | None], known: dict[str, Tile]) -> Tile:
    """The tile of a row, then known as well."""
    alignment = (row.get("alignment") or "").strip() or "v1"
    if alignment not in ALIGNMENTS:
        raise InvalidProductName(
            f"alignment is {alignment!r}; expected one of {', '.join(ALIGNMENTS)}"
        )
    tile = Tile(ProductName.parse((row["tile"] or "").strip()).name, alignment)
    other = known.setdefault(tile.key, tile)
    if other is not tile:
        raise InvalidProductName(
            f"{tile.name} has the MGRS tile and sensing time of {other.name}"
        )
    return tile


def find_tile(name: str, tiles: Mapping[str, Tile]) -> Tile:
    """The one tile that a key, a product name or a part of either names.

    Args:
        name: as a person types it, with or without ``.SAFE``.
        tiles: key to tile.

    Raises:
        InvalidInput: it names no tile, or several.
    """
    wanted = name.strip().removesuffix(".SAFE")
    if wanted in tiles:
        return tiles[wanted]
    found = list(_named_by(wanted, list(tiles.values())))
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(tile.key for tile in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InvalidInput(
            f"{name} names {len(found)} tiles: {some}{more}; give the whole tile key"
        )
    near = _near(wanted, tiles)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise InvalidInput(
        f"unknown tile {name}: expected a tile key such as T33UUP_20170613T101031, a "
        f"product name or a part of one, of the {len(tiles)} tiles of "
        f"tracked-artifacts/tiles.csv and BEN_TILES_CSV{hint}"
    )


def _near(wanted: str, tiles: Collection[str]) -> list[str]:
    """Keys that differ in little from what was typed, of the same length of key."""
    starts = {key[: len(wanted)]: key for key in tiles}
    return [
        starts[one] for one in difflib.get_close_matches(wanted, starts, _SHOWN, 0.8)
    ]


def _named_by(wanted: str, tiles: Collection[Tile]) -> Iterator[Tile]:
    exact = [tile for tile in tiles if tile.name == wanted]
    if exact or not wanted:
        return iter(exact)
    return (t for t in tiles if wanted in t.key or wanted in t.name)
