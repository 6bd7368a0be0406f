"""The demo synthetic data set's CORINE Land Cover GeoPackage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import shapely

from ben_assets.bigearthnet.reproject import CORINE_EPSG, to_utm
from ben_assets.synthetic.landscape import LandCover

GEOPACKAGE: Final = "U2018_CLC2018_V2020_20u1.gpkg"
"""File name of CORINE Land Cover 2018, which is also the name of its layer."""


def write_corine(
    path: Path, covers_of_epsg: Sequence[tuple[int, list[LandCover]]]
) -> None:
    """Write land cover as the real file has it: EPSG:3035, one row per polygon.

    Ids count from ``EU_1``, so that they sort otherwise as text than as numbers.

    Args:
        path: the GeoPackage to make.
        covers_of_epsg: for each tile the EPSG code of its UTM zone and its polygons.
    """
    polygons = np.concatenate(
        [
            # vertex by vertex like the way back, here from UTM to CORINE's CRS
            to_utm(np.array([c.polygon for c in covers]), epsg, CORINE_EPSG)
            for epsg, covers in covers_of_epsg
        ]
    )
    everything = [cover for _, covers in covers_of_epsg for cover in covers]
    codes = [str(cover.code) for cover in everything]
    table = gpd.GeoDataFrame(
        {
            "Code_18": codes,
            "Remark": [None] * len(codes),
            "Area_Ha": shapely.area(polygons) / 10_000,
            "ID": [
                cover.clc_id or f"EU_{number}"
                for number, cover in enumerate(everything, start=1)
            ],
        },
        geometry=[shapely.multipolygons(shapely.get_parts(p)) for p in polygons],
        crs=CORINE_EPSG,
    )
    table["Remark"] = table["Remark"].astype("str")
    table.rename_geometry("Shape").to_file(
        path,
        layer=path.stem,
        engine="pyogrio",
        geometry_type="MultiPolygon",
        layer_options={"GEOMETRY_NAME": "Shape", "SPATIAL_INDEX": "YES"},
    )
