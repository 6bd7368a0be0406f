"""The table of all grid cells of a tile, and the metadata made from it.

Shapes: one row per grid cell, in the order of patch ids.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.countries import NearestCountries
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding, split_of_cell
from ben_assets.bigearthnet.product_names import patch_id
from ben_assets.bigearthnet.seasons import season_of
from ben_assets.safe.l2a import L2AProduct


@dataclass(frozen=True)
class LabelRule:
    """How the codes of a reference map become labels."""

    legend: Legend
    """Label of each code."""
    max_unlabelled: float
    """A patch with this share of unlabelled pixels or more gets no labels."""
    has_labels: bool = True
    """False where the product failed a quality check."""


def patch_table(
    product: L2AProduct,
    v1_names: Mapping[tuple[int, int], str],
    countries: NearestCountries,
) -> gpd.GeoDataFrame:
    """All grid cells of a tile.

    Args:
        product: the L2A product.
        v1_names: cell (column, row) to the v1 patch it aligns with.
        countries: of the cells' squares, in their order.

    Returns:
        Columns patch_id, x, y, season, split, country, s2v1_name (None if not aligned)
        and geometry (squares in the tile's UTM zone); ``with_validity`` adds the rest.
    """
    grid = product.geocoding
    cells = grid.cell_names()
    return gpd.GeoDataFrame(
        {
            "patch_id": [patch_id(product.name.stem, x, y) for x, y in cells],
            "x": np.array([x for x, _ in cells], dtype=np.int16),
            "y": np.array([y for _, y in cells], dtype=np.int16),
            "season": season_of(product.start_time),
            "split": [split_of_cell(grid, x, y) for x, y in cells],
            "country": pd.array(countries.names, dtype="str"),
            "s2v1_name": pd.array([v1_names.get(cell) for cell in cells], dtype="str"),
        },
        geometry=cell_squares(grid),
        crs=grid.epsg,
    )


def cell_squares(grid: TileGeocoding) -> npt.NDArray[np.object_]:
    """The squares of all grid cells, in the order of ``cell_names``: shape (n,)."""
    west, north = np.array([grid.corner(x, y) for x, y in grid.cell_names()]).T
    squares: npt.NDArray[np.object_] = shapely.box(
        west, north - PATCH_SIZE_M, west + PATCH_SIZE_M, north
    )
    return squares


def with_validity(
    patches: gpd.GeoDataFrame, valid: npt.NDArray[np.bool_]
) -> gpd.GeoDataFrame:
    """The table with a column ``valid`` behind ``y``.

    Args:
        patches: from ``patch_table``.
        valid: cells without nodata, shape (rows, columns).
    """
    at = patches.columns.get_loc("y") + 1
    table = patches.copy()
    table.insert(at, "valid", valid[patches["y"], patches["x"]])
    return table


def metadata_table(
    patches: pd.DataFrame,
    code_pixels: pd.DataFrame,
    s1_names: Mapping[str, str],
    snow: Collection[str],
    cloud: Collection[str],
    *,
    rule: LabelRule,
    needs_v1: bool,
) -> pd.DataFrame:
    """Labels and matching patches of every grid cell of a tile.

    Args:
        patches: from ``with_validity``.
        code_pixels: columns patch_id, clc_code, pixels of the reference maps.
        s1_names: v1 patch name to the name of its matching Sentinel-1 patch.
        snow: v1 names of patches with seasonal snow.
        cloud: v1 names of patches with cloud or cloud shadow.
        rule: how codes become labels.
        needs_v1: whether a patch is kept only if it aligns with v1.

    Returns:
        Columns patch_id, labels (list or None), split, country, s1_name, s2v1_name,
        contains_seasonal_snow, contains_cloud_or_shadow, valid, kept.

    Raises:
        InvalidInput: a labelled, aligned patch has no matching Sentinel-1 patch.
    """
    labels = _labels(code_pixels, rule)
    v1_names = (
        patches["s2v1_name"].astype(object).where(patches["s2v1_name"].notna(), None)
    )
    table = pd.DataFrame(
        {
            "patch_id": patches["patch_id"],
            "labels": pd.Series(
                [labels.get(name) for name in patches["patch_id"]], dtype=object
            ),
            "split": patches["split"],
            "country": patches["country"],
            "s1_name": pd.array([s1_names.get(name) for name in v1_names], dtype="str"),
            "s2v1_name": patches["s2v1_name"],
            "contains_seasonal_snow": v1_names.isin(list(snow)),
            "contains_cloud_or_shadow": v1_names.isin(list(cloud)),
            "valid": patches["valid"],
        }
    )
    labelled = table["labels"].notna()
    aligned = table["s2v1_name"].notna()
    table["kept"] = labelled & (aligned | (not needs_v1))
    _require_matches(table[labelled & aligned & table["s1_name"].isna()])
    return table


def _labels(code_pixels: pd.DataFrame, rule: LabelRule) -> dict[str, list[str] | None]:
    if not rule.has_labels:
        return {}
    return {
        str(patch): rule.legend.labels_of(
            dict(zip(rows["clc_code"], rows["pixels"], strict=True)),
            rule.max_unlabelled,
        )
        for patch, rows in code_pixels.groupby("patch_id", sort=False)
    }


def _require_matches(alone: pd.DataFrame) -> None:
    if len(alone):
        shown = ", ".join(
            f"{row.patch_id} (v1: {row.s2v1_name})"
            for row in alone.head(10).itertuples()
        )
        raise InvalidInput(
            f"{len(alone)} labelled patches have no matching Sentinel-1 patch in "
            f"s1s2_mapping.csv: {shown}; expected one for each; use the unchanged file"
        )
