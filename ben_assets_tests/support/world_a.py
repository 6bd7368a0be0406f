"""World A: two full-size tiles, and what the original pipeline made of them."""

from __future__ import annotations

import csv
import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets_tests.support.shared import SHARED, needs

WORLD_A: Final = SHARED / "worlds/a"
_DATA: Final = Path(__file__).parent / "data"
EXPECTED: Final[dict[str, Any]] = json.loads((_DATA / "world_a.json").read_text())
"""Digests of tables, hash lists and tars, and what else was found."""

needs_world_a = needs(
    "worlds/a/inputs/S1.tar.zst",
    "worlds/a/inputs/U2018_CLC2018_V2020_20u1.gpkg",
    "worlds/a/inputs/bigearthnet_v1_spatial_32633.parquet",
    "worlds/a/inputs/s1s2_mapping.csv",
    "reference/ne_110m_admin_0_countries.geojson",
)
FIRST: Final = "T33UUP_20170613T101031"
SECOND: Final = "T33UVP_20170802T095029"
_SECOND_PRODUCT: Final = "S2B_MSIL1C_20170802T095029_N0205_R079_T33UVP_20170802T095031"


class WorldA:
    """As ``synthetic.dataset.SyntheticData``, but with inputs that lie elsewhere."""

    def __init__(self, root: Path) -> None:
        self.reference_dir, self.s1_dir = root / "reference", root / "S1"
        self.tiles_csv, self.l2a_dir = root / "tiles.csv", WORLD_A / "inputs"
        self.tile_keys = (FIRST, SECOND)
        self.root = root
        self.reference_dir.mkdir(parents=True)
        countries = SHARED / "reference/ne_110m_admin_0_countries.geojson"
        for path in (countries, *WORLD_A.glob("inputs/[!S]*")):
            (self.reference_dir / path.name).symlink_to(path)
        unpack = ["tar", "-x", "--zstd", "-f", str(WORLD_A / "inputs/S1.tar.zst")]
        subprocess.run([*unpack, "-C", str(root)], check=True)
        self.tiles_csv.write_text(f"tile\n{_SECOND_PRODUCT}\n")

    def settings(self) -> dict[str, str]:
        return {
            "BEN_TRACKED_ARTIFACTS": str(self.root / "tracked"),
            "BEN_TILES_CSV": str(self.tiles_csv),
            "BEN_L2A_DIR": str(self.l2a_dir),
            "BEN_REFERENCE_DIR": str(self.reference_dir),
            "BEN_S1_DIR": str(self.s1_dir),
        }


def expected_columns(asset: str) -> dict[str, tuple[int, str]]:
    """Column of patches of a tile to the number and the digest of its files."""
    with (_DATA / "world_a_columns.csv").open(newline="") as file:
        return {
            row["column"]: (int(row["files"]), row["sha256"])
            for row in csv.DictReader(file)
            if row["asset"] == asset
        }


def columns_of(digests: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """The same of files by name, so that a difference names where it lies."""
    by_column: dict[str, dict[str, str]] = defaultdict(dict)
    for name, digest in digests.items():
        patch = name.removesuffix("_reference_map")
        patch = patch if patch != name else name.rpartition("_")[0]
        by_column[patch[: -len("_00")]][name] = digest
    return {c: (len(f), hash_list_digest(f)) for c, f in by_column.items()}
