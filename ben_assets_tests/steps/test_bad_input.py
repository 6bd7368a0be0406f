"""Bad input: a clear error that names the thing, and no trace on disk."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

from ben_assets.bigearthnet.errors import BenError, FailureClass
from ben_assets.bigearthnet.reproject import corine_bounds
from ben_assets.synthetic.safe_writer import LOSSLESS_JP2
from ben_assets.synthetic.tiles import DEMO_SIDE_M, DEMO_TILES
from ben_assets_tests.support.pipeline import (
    STEPS,
    Pipeline,
    edit,
    leaves_no_trace,
    replace_file,
)

SUMMER, SPRING = DEMO_TILES
CORINE = "U2018_CLC2018_V2020_20u1"


def band_file(pipeline: Pipeline, band: str, gsd_m: int) -> Path:
    folder = pipeline.product(SUMMER.key)
    (found,) = folder.glob(f"GRANULE/*/IMG_DATA/R{gsd_m}m/*_{band}_{gsd_m}m.jp2")
    return found


def rewrite_band(path: Path, pixels: np.ndarray, **changes: object) -> None:
    """Another, sound JP2 in place of a band."""
    with rasterio.open(path) as raster:
        profile = {
            **raster.profile,
            **LOSSLESS_JP2,
            "dtype": pixels.dtype,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            **changes,
        }
    path.unlink()
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels, 1)


def remove_band(pipeline: Pipeline) -> None:
    band_file(pipeline, "B8A", 20).unlink()


def truncate_band(pipeline: Pipeline) -> None:
    path = band_file(pipeline, "B02", 10)
    replace_file(path, path.read_bytes()[:-1000])


def truncate_within_codestream(pipeline: Pipeline) -> None:
    """Half of the image data are gone, yet the file ends as a whole one does."""
    path = band_file(pipeline, "B02", 10)
    whole = path.read_bytes()
    box = whole.index(b"jp2c") - 4
    cut = bytearray(whole[: len(whole) // 2] + b"\xff\xd9")
    struct.pack_into(">I", cut, box, len(cut) - box)
    replace_file(path, bytes(cut))


def empty_band(pipeline: Pipeline) -> None:
    replace_file(band_file(pipeline, "B02", 10), b"")


def text_as_band(pipeline: Pipeline) -> None:
    replace_file(band_file(pipeline, "B02", 10), b"<html>not found</html>")


def band_of_wrong_size(pipeline: Pipeline) -> None:
    rewrite_band(band_file(pipeline, "B05", 20), np.ones((329, 330), np.uint16))


def band_of_wrong_type(pipeline: Pipeline) -> None:
    rewrite_band(band_file(pipeline, "B05", 20), np.ones((330, 330), np.uint8))


def band_of_wrong_crs(pipeline: Pipeline) -> None:
    ones = np.ones((330, 330), np.uint16)
    rewrite_band(band_file(pipeline, "B05", 20), ones, crs="EPSG:32632")


def band_elsewhere(pipeline: Pipeline) -> None:
    moved = Affine(20, 0, 300_020, 0, -20, 5_400_000)
    ones = np.ones((330, 330), np.uint16)
    rewrite_band(band_file(pipeline, "B05", 20), ones, transform=moved)


def remove_metadata(pipeline: Pipeline) -> None:
    (pipeline.product(SUMMER.key) / "MTD_MSIL2A.xml").unlink()


def remove_granule_metadata(pipeline: Pipeline) -> None:
    next(pipeline.product(SUMMER.key).glob("GRANULE/*/MTD_TL.xml")).unlink()


def damage_metadata(pipeline: Pipeline) -> None:
    edit(pipeline.product(SUMMER.key) / "MTD_MSIL2A.xml", "</n1:General_Info>", "")


def another_nodata_value(pipeline: Pipeline) -> None:
    edit(
        pipeline.product(SUMMER.key) / "MTD_MSIL2A.xml",
        "<SPECIAL_VALUE_INDEX>0<",
        "<SPECIAL_VALUE_INDEX>1<",
    )


def another_tiles_product(pipeline: Pipeline) -> None:
    """A product under the name of the one that is asked for."""
    wanted, other = pipeline.product(SUMMER.key), pipeline.product(SPRING.key)
    wanted.rename(wanted.with_name("moved away"))
    other.rename(wanted)


def another_tiles_granule(pipeline: Pipeline) -> None:
    granule = next(pipeline.product(SUMMER.key).glob("GRANULE/*/MTD_TL.xml"))
    edit(granule, "_T33UUP_", "_T33UVP_")


def two_products(pipeline: Pipeline) -> None:
    found = pipeline.product(SUMMER.key)
    match = found.name.replace("20240101T000000", "20240102T000000")
    found.parent.joinpath(match).mkdir()


def no_product(pipeline: Pipeline) -> None:
    found = pipeline.product(SUMMER.key)
    found.rename(found.with_name("moved away"))


def no_folder_of_products(pipeline: Pipeline) -> None:
    pipeline.settings["BEN_L2A_DIR"] = str(pipeline.root / "absent")


def zip_cut_short(pipeline: Pipeline) -> None:
    found = pipeline.product(SUMMER.key)
    found.rename(found.with_name("moved away"))
    start = b"PK\x03\x04" + bytes(22) + struct.pack("<HH", len(found.name) + 1, 0)
    found.with_name(f"{found.name}.zip").write_bytes(
        start + f"{found.name}/".encode() + bytes(100)
    )


def write_corine(pipeline: Pipeline, **changes: object) -> gpd.GeoDataFrame:
    """The synthetic data set's CORINE file, read to be changed."""
    path = pipeline.own_inputs("reference") / f"{CORINE}.gpkg"
    table = gpd.read_file(path, layer=CORINE)
    path.unlink()
    layer = changes.pop("layer", CORINE)
    for change in changes.values():
        table = change(table)
    table.to_file(path, layer=layer)
    return table


def corine_without_layer(pipeline: Pipeline) -> None:
    write_corine(pipeline, layer="clc")


def corine_without_codes(pipeline: Pipeline) -> None:
    write_corine(pipeline, change=lambda t: t.drop(columns="Code_18"))


def corine_without_ids(pipeline: Pipeline) -> None:
    write_corine(pipeline, change=lambda t: t.drop(columns="ID"))


def corine_in_another_crs(pipeline: Pipeline) -> None:
    write_corine(pipeline, change=lambda t: t.to_crs(4326))


def corine_with_an_unknown_code(pipeline: Pipeline) -> None:
    write_corine(pipeline, change=lambda t: t.assign(Code_18="666"))


def corine_with_a_crossing_ring(pipeline: Pipeline) -> None:
    """A bow tie over the middle of the tile."""

    def corrupt(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        west, south, east, north = corine_bounds(SUMMER.geocoding(DEMO_SIDE_M))
        bow = [(west, south), (east, north), (east, south), (west, north)]
        table.loc[0, "geometry"] = shapely.MultiPolygon([shapely.Polygon(bow)])
        return table

    write_corine(pipeline, change=corrupt)


def corine_that_is_none(pipeline: Pipeline) -> None:
    replace_file(
        pipeline.own_inputs("reference") / f"{CORINE}.gpkg", b"SQLite format 3"
    )


def no_corine(pipeline: Pipeline) -> None:
    (pipeline.own_inputs("reference") / f"{CORINE}.gpkg").unlink()


def footprints(pipeline: Pipeline) -> Path:
    return pipeline.own_inputs("reference") / "bigearthnet_v1_spatial_32633.parquet"


def footprints_in_another_crs(pipeline: Pipeline) -> None:
    path = footprints(pipeline)
    table = gpd.read_parquet(path).to_crs(32632)
    path.unlink()
    table.to_parquet(path)


def footprints_with_a_name_twice(pipeline: Pipeline) -> None:
    path = footprints(pipeline)
    table = gpd.read_parquet(path)
    path.unlink()
    pd.concat([table, table.iloc[[7]]]).to_parquet(path)


def footprints_that_are_none(pipeline: Pipeline) -> None:
    replace_file(footprints(pipeline), b"PAR1 but not really PAR1")


def footprints_without_geography(pipeline: Pipeline) -> None:
    path = footprints(pipeline)
    table = pd.DataFrame({"patch_name": ["a"]})
    path.unlink()
    table.to_parquet(path)


def no_footprints(pipeline: Pipeline) -> None:
    footprints(pipeline).unlink()


def no_countries(pipeline: Pipeline) -> None:
    folder = pipeline.own_inputs("reference")
    (folder / "ne_110m_admin_0_countries.geojson").unlink()


def countries_that_are_none(pipeline: Pipeline) -> None:
    folder = pipeline.own_inputs("reference")
    replace_file(folder / "ne_110m_admin_0_countries.geojson", b"{}")


def no_mapping(pipeline: Pipeline) -> None:
    (pipeline.own_inputs("reference") / "s1s2_mapping.csv").unlink()


def empty_mapping(pipeline: Pipeline) -> None:
    replace_file(pipeline.own_inputs("reference") / "s1s2_mapping.csv", b"a,b\n")


def mapping_with_two_twins(pipeline: Pipeline) -> None:
    path = pipeline.own_inputs("reference") / "s1s2_mapping.csv"
    line = path.read_text().splitlines()[10]
    replace_file(path, path.read_bytes() + f"{line}_2\n".encode())


def no_sentinel_1_setting(pipeline: Pipeline) -> None:
    del pipeline.settings["BEN_S1_DIR"]


def kept_s1_names(pipeline: Pipeline) -> list[str]:
    table = pd.read_parquet(pipeline.storage.table_path("metadata_tables", SUMMER.key))
    return sorted(table.query("kept")["s1_name"])


def no_sentinel_1_patch(pipeline: Pipeline) -> None:
    folder = pipeline.own_inputs("S1") / kept_s1_names(pipeline)[3]
    for path in folder.iterdir():
        path.unlink()


def one_polarisation(pipeline: Pipeline) -> None:
    name = kept_s1_names(pipeline)[3]
    (pipeline.own_inputs("S1") / name / f"{name}_VH.tif").unlink()


@dataclass(frozen=True)
class Case:
    """An input that is corrupt, the asset that must notice, and what it must say."""

    corrupt: Callable[[Pipeline], None]
    asset: str
    says: str


CASES = [
    Case(remove_band, "l2a_tiles", r"band files missing .*: B8A; .*get or make it"),
    Case(truncate_band, "l2a_tiles", r"_B02_10m.jp2: JPEG 2000 .* cut short.*get the"),
    Case(truncate_within_codestream, "l2a_tiles", r"_B02_10m.jp2: .* cut short"),
    Case(empty_band, "l2a_tiles", r"_B02_10m.jp2: not a JPEG 2000 file"),
    Case(text_as_band, "l2a_tiles", r"_B02_10m.jp2: not a JPEG 2000 file"),
    Case(
        band_of_wrong_size,
        "l2a_tiles",
        r"_B05_20m.jp2: expected size \(1, 330, 330\), found \(1, 329, 330\)",
    ),
    Case(band_of_wrong_type, "l2a_tiles", r"data type uint16, found uint8"),
    Case(
        band_of_wrong_crs, "l2a_tiles", r"_B05_20m.jp2: expected CRS 32633, found 326"
    ),
    Case(band_elsewhere, "l2a_tiles", r"upper left corner \(300000, .*\(300020"),
    Case(
        remove_metadata, "l2a_tiles", r"MTD_MSIL2A.xml is missing; the product is inc"
    ),
    Case(remove_granule_metadata, "l2a_tiles", r"MTD_TL.xml is missing"),
    Case(damage_metadata, "l2a_tiles", r"MTD_MSIL2A.xml: not well-formed XML"),
    Case(another_nodata_value, "l2a_tiles", r"NODATA to be 0, found \['1'\]"),
    Case(another_tiles_product, "l2a_tiles", r"but MTD_MSIL2A.xml is of S2B_.*_T31UGQ"),
    Case(
        another_tiles_granule,
        "l2a_tiles",
        r"granule of tile 33UUP, found 33UVP; this is another tile's product",
    ),
    Case(
        two_products, "l2a_tiles", r"found .*T000000.SAFE and .*T000000.SAFE; move all"
    ),
    Case(no_product, "l2a_tiles", r"no L2A product of T33UUP_20180718T101031.*BEN_L"),
    Case(
        no_folder_of_products, "l2a_tiles", r"BEN_L2A_DIR: expected a folder .*absent"
    ),
    Case(zip_cut_short, "l2a_tiles", r"\.SAFE\.zip .*(cut short|not a zip)"),
    Case(corine_without_layer, "reference_maps", rf"expected the layer {CORINE}"),
    Case(corine_without_codes, "reference_maps", r"lacks the column Code_18"),
    Case(corine_without_ids, "reference_maps", r"lacks the column ID; found Code_18"),
    Case(
        corine_in_another_crs,
        "reference_maps",
        r"expected CRS EPSG:3035, found EPSG:43",
    ),
    Case(corine_with_an_unknown_code, "reference_maps", r"unknown codes: '666' of"),
    Case(
        corine_with_a_crossing_ring,
        "reference_maps",
        r"1 invalid polygons near the tile \(EU_1: Self-intersection",
    ),
    Case(corine_that_is_none, "reference_maps", r"20u1.gpkg: expected the layer"),
    Case(
        no_corine, "reference_maps", r"CORINE Land Cover 2018 is missing: .*BEN_CLC_PAT"
    ),
    Case(
        footprints_in_another_crs, "patches", r"expected CRS EPSG:32633, found EPSG:326"
    ),
    Case(
        footprints_with_a_name_twice,
        "patches",
        r"v1 names must be unique; repeated: S2",
    ),
    Case(
        footprints_that_are_none, "patches", r"32633.parquet: not a readable GeoParquet"
    ),
    Case(
        footprints_without_geography, "patches", r"32633.parquet: not a readable GeoPar"
    ),
    Case(
        no_footprints,
        "patches",
        r"bigearthnet_v1_spatial_32633.parquet is missing.*get",
    ),
    Case(no_countries, "patches", r"countries.geojson is missing: expected .*get it"),
    Case(countries_that_are_none, "patches", r"countries.geojson: "),
    Case(no_mapping, "metadata_tables", r"s1s2_mapping.csv is missing: expected"),
    Case(
        empty_mapping,
        "metadata_tables",
        r"16 labelled patches have no matching Sentinel-1 patch",
    ),
    Case(mapping_with_two_twins, "metadata_tables", r"S2A_.* has several"),
    Case(no_sentinel_1_setting, "aligned_dataset", r"16 kept patches .*set BEN_S1_DIR"),
    Case(
        no_sentinel_1_patch,
        "aligned_dataset",
        r"2 Sentinel-1 files are missing.*VV.tif",
    ),
    Case(
        one_polarisation, "aligned_dataset", r"1 Sentinel-1 files are missing .*VH.tif"
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.corrupt.__name__)
def test_bad_input_is_refused_with_a_clear_error(pipeline, case):
    """Where the asset was never made, nothing is; upstream assets stay."""
    for asset in STEPS:
        if asset == case.asset:
            break
        pipeline.make(asset, SUMMER.key)
    case.corrupt(pipeline)
    with leaves_no_trace(pipeline), pytest.raises(BenError, match=case.says) as caught:
        pipeline.make(case.asset, SUMMER.key)
    is_cut = case.corrupt is zip_cut_short  # by whoever sent it
    expected = FailureClass.CORRUPT_AT_SOURCE if is_cut else FailureClass.BAD_INPUT
    assert caught.value.failure_class is expected
    assert not caught.value.is_retryable


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.asset != "l2a_tiles"],
    ids=lambda case: case.corrupt.__name__,
)
def test_bad_input_leaves_an_older_result_as_it_was(finished, case):
    case.corrupt(finished)
    with leaves_no_trace(finished), pytest.raises(BenError, match=case.says):
        finished.make(case.asset, SUMMER.key)


def test_bands_damaged_after_their_import_are_noticed(finished):
    """Also where the decoder would return zeros, which mean "not measured"."""
    product = finished.storage.folder("l2a_tiles") / f"{SUMMER.l2a_name.name}.SAFE"
    (path,) = product.glob("GRANULE/*/IMG_DATA/R60m/*_B09_60m.jp2")
    with rasterio.open(path) as raster:
        pixels = raster.read(1)
    pixels[50, 50] += 1
    rewrite_band(path, pixels)
    with (
        leaves_no_trace(finished),
        pytest.raises(BenError, match=r"changed after they were verified: materialize"),
    ):
        finished.make("patches", SUMMER.key)


def test_an_unknown_key_is_an_error_that_names_it(pipeline):
    with pytest.raises(
        BenError, match=r"unknown tile S2X: expected a tile key .* of the 128 tiles"
    ):
        pipeline.make("patches", "S2X")


@pytest.mark.parametrize("asset", [name for name in STEPS if name != "l2a_tiles"])
def test_a_step_without_its_input_says_what_to_materialize(pipeline, asset):
    with (
        leaves_no_trace(pipeline),
        pytest.raises(
            BenError, match=r"is not on disk: .*materialize \w+ for this tile"
        ),
    ):
        pipeline.make(asset, SUMMER.key)


@pytest.mark.parametrize("text", ["{", "[]", '{"asset": 1}'])
def test_a_damaged_record_is_named(finished, text):
    path = finished.storage.record_path("patches", SUMMER.key)
    replace_file(path, text.encode())
    with (
        leaves_no_trace(finished),
        pytest.raises(
            BenError, match=rf"{SUMMER.key}.json is damaged.*materialize patches"
        ),
    ):
        finished.make("reference_maps", SUMMER.key)
