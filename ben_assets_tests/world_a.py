"""World A of the shared facts: two full-size tiles, ready to be worked on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from ben_assets_tests.shared import SHARED

WORLD_A: Final = SHARED / "worlds/a"
FIRST: Final = "T33UUP_20170613T101031"
SECOND: Final = "T33UVP_20170802T095029"
_OWN_TILE: Final = "S2B_MSIL1C_20170802T095029_N0205_R079_T33UVP_20170802T095031"


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
        self.tiles_csv.write_text(f"tile\n{_OWN_TILE}\n")

    def settings(self) -> dict[str, str]:
        return {
            "BEN_TRACKED_ARTIFACTS": str(self.root / "tracked"),
            "BEN_TILES_CSV": str(self.tiles_csv),
            "BEN_L2A_DIR": str(self.l2a_dir),
            "BEN_REFERENCE_DIR": str(self.reference_dir),
            "BEN_S1_DIR": str(self.s1_dir),
        }
