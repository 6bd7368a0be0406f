"""The pinned inputs: fetched from their public homes, or registered where they are."""

from collections.abc import Callable
from typing import Any, Final

import dagster as dg

from ben_assets.assets.tile_asset import OWNERS
from ben_assets.failures import as_dagster_failure
from resources.inputs.pins import (
    CLOUD,
    CORINE,
    COUNTRIES,
    S1_MAPPING,
    SNOW,
    TILE_LINKS,
    V1_ZONES,
    footprints_name,
)
from resources.settings import Settings


def input_asset(*kinds: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorate an asset that is one or more pinned files."""
    return dg.asset(
        kinds=set(kinds),
        owners=OWNERS,
        tags={"ben/level": "input"},
        code_version="1",
    )


@input_asset("csv")
def tile_names_and_links(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Names of the tiles that BigEarthNet v1 was cut from, and of those of v2."""
    return _provide(context)


@input_asset("geoparquet")
def v1_footprints(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Name, time and square of every BigEarthNet v1 patch, one file for each zone."""
    return _provide(context)


@input_asset("csv")
def s1s2_mapping(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The matching Sentinel-1 patch of every BigEarthNet v1 patch."""
    return _provide(context)


@input_asset("csv")
def snow_and_cloud_lists(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Patches of BigEarthNet v1 with seasonal snow, with cloud or with its shadow."""
    return _provide(context)


@input_asset("geojson")
def countries(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Borders of countries at 1:110 million (Natural Earth 5.1.2)."""
    return _provide(context)


@input_asset("geopackage", "corine")
def corine_land_cover(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """CORINE Land Cover 2018, vector version; has to be put in place by hand."""
    return _provide(context)


INPUTS: Final = {
    tile_names_and_links: (TILE_LINKS,),
    v1_footprints: tuple(footprints_name(epsg) for epsg in V1_ZONES),
    s1s2_mapping: (S1_MAPPING,),
    snow_and_cloud_lists: (SNOW, CLOUD),
    countries: (COUNTRIES,),
    corine_land_cover: (CORINE,),
}
"""Asset to the names of its files."""


def files_of(key: dg.AssetKey) -> tuple[str, ...]:
    """Names of the files of an input asset."""
    return next(names for asset, names in INPUTS.items() if asset.key == key)


def _provide(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Fetch what is not there yet, and say what is."""
    from resources.inputs.pinned import PinnedInputs, count_rows, digest_of

    with as_dagster_failure():
        inputs = PinnedInputs(Settings())
        names = files_of(context.asset_key)
        found = [inputs.require(name, context.log.info) for name in names]
        rows = [count_rows(one.path) for one in found]
    table = [
        dg.TableRecord(
            {
                "file": str(one.path),
                "rows": n_rows,
                "sha256": one.sha256,
                "verdict": one.outcome,
                "source": one.pin.home,
            }
        )
        for one, n_rows in zip(found, rows, strict=True)
    ]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest_of(found)),
        metadata={
            "dagster/row_count": sum(rows),
            "files": dg.MetadataValue.table(table),
        },
    )
