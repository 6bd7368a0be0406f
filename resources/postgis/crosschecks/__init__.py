"""What the rules say of a published tile, asked again in SQL.

Each ``.sql`` file beside this one states one rule anew, from geometries and times, and
yields the rows (patch_id, expected, found) that disagree. Nothing is taken from the
Python rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resources.postgis.database import Postgis

RULES: Final[dict[str, str]] = {
    "splits": "The split of each cell is that of its centre in the tile's frames.",
    "countries": "The country of each cell is the nearest of the ten.",
    "seasons": "The season label of each cell is that of the acquisition.",
    "v1_alignment": "The v1 patch of each cell is the one it covers, of its season.",
    "grid": "The cells are squares of 1200 m in rows and columns without overlap.",
    "labels": "The labels of each patch are those of the CORINE polygons in it.",
}
"""Rule, which is also the name of its SQL file, to its claim."""

_LACKING: Final[dict[str, str]] = {
    "countries": "SELECT 'postgis_countries' WHERE NOT EXISTS (SELECT FROM countries)",
    "v1_alignment": """
        SELECT 'postgis_v1_footprints' FROM tiles
        WHERE tile = %(tile)s AND alignment = 'v1' AND NOT EXISTS
            (SELECT FROM v1_footprints WHERE v1_footprints.epsg = tiles.epsg)
    """,
    "labels": """
        SELECT 'postgis_clc2018' WHERE NOT EXISTS (SELECT FROM clc2018)
        UNION ALL
        SELECT 'metadata_tables' FROM tiles WHERE tile = %(tile)s AND NOT has_metadata
    """,
}
"""Rule to the query for assets without which there is nothing to compare with."""


@dataclass(frozen=True)
class Comparison:
    """A tile in the database beside one rule."""

    cells: int
    """Grid cells that were compared."""
    differing: list[tuple[str, str | None, str | None]]
    """Patch id, expected and found, of what disagrees."""
    lacking: list[str]
    """Assets that must be materialized before anything can be compared."""

    @property
    def outcome(self) -> str:
        """One sentence for people."""
        if self.lacking:
            return f"nothing to compare with: materialize {', '.join(self.lacking)}"
        if self.differing:
            return f"{len(self.differing)} of {self.cells} cells disagree"
        return f"all {self.cells} cells agree"


def cross_check(database: Postgis, rule: str, tile: str) -> Comparison:
    """Hold a tile, if it is published, against one of ``RULES``."""
    names = {"tile": tile}
    with database.transaction() as cursor:
        # the planner takes the geometry functions for dear and would compile for ages
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SELECT count(*) FROM patches WHERE tile = %(tile)s", names)
        cells = cursor.fetchone()[0]
        if not cells:
            return Comparison(0, [], ["postgis_patches"])
        cursor.execute(_LACKING.get(rule, "SELECT WHERE false"), names)
        lacking = [asset for (asset,) in cursor.fetchall()]
        if lacking:
            return Comparison(0, [], lacking)
        cursor.execute(Path(__file__).with_name(f"{rule}.sql").read_text(), names)
        return Comparison(cells, cursor.fetchall(), [])
