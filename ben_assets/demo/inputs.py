"""Inputs that nothing of the demo is made from, so that every input is there.

Dagster warns in red before it makes what is below an asset that was never materialized.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ben_assets.synthetic.bigearthnet_v1 import first_version_patches, write_footprints
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.tiles import DEMO_SIDE_M, DemoTile
from resources.inputs.pins import TILE_LINKS, V1_ZONES, footprints_name


def write_other_inputs(synthetic: SyntheticData, tiles: Sequence[DemoTile]) -> None:
    """Footprints of the zones without a tile, and the list of products of v1."""
    folder = synthetic.reference_dir
    for epsg in V1_ZONES:
        path = folder / footprints_name(epsg)
        if not path.exists():
            write_footprints(path, epsg, [])
    _write_product_names(folder / TILE_LINKS.removesuffix(".bz2"), tiles)


def _write_product_names(path: Path, tiles: Sequence[DemoTile]) -> None:
    path.write_text("".join(line for tile in tiles for line in _lines(tile)))


def _lines(tile: DemoTile) -> Iterator[str]:
    """Patch of v1, the product that it could have been cut from, and no link."""
    mission, level, _, baseline, orbit, mgrs, _ = tile.name.split("_")
    for patch in first_version_patches(tile, tile.geocoding(DEMO_SIDE_M)):
        sensed = patch.name.split("_")[2]
        parts = (mission, level, sensed, baseline, orbit, mgrs, sensed)
        yield f"{patch.name},{'_'.join(parts)}.SAFE,\n"
