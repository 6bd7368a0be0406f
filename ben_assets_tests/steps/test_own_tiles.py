"""A user's own tiles: value scale, recipes, land cover of another source."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.legend import built_in_legend
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.band_rasters import read_band
from ben_assets.safe.l2a import L2AProduct, read_l2a
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_metadata import product_metadata
from ben_assets.synthetic.safe_writer import write_l2a_product
from ben_assets.validation import recipe_rules
from ben_assets.validation.survey import find_differences
from ben_assets_tests.support.pipeline import Pipeline
from resources.data_root.stored_tiles import Snapshot
from resources.data_root.tile_files import Kind
from resources.inputs.reference_digests import ReferenceDigests
from resources.settings import Settings

OLD = "S2A_MSIL2A_20180718T101031_N9999_R022_T33UUP_20240101T000000"
NEW = "S2C_MSIL2A_20250718T101031_N0511_R022_T33UUP_20250718T140000"
OLD_KEY, NEW_KEY = "T33UUP_20180718T101031", "T33UUP_20250718T101031"
OFFSET = -1000


def write(
    folder: Path, name: str, time: datetime, original: L2AProduct, bands, offset: int
) -> None:
    """A product of that name on the grid of another."""
    description = ProductDescription(
        ProductName.parse(name), time, original.geocoding, offset=offset
    )
    write_l2a_product(folder, description, bands)


@pytest.fixture(scope="module")
def products(synthetic: SyntheticData, tmp_path_factory) -> Path:
    """One ground as 2018 without offset and as 2025 with it; not to be written to."""
    folder = tmp_path_factory.mktemp("own") / "L2A"
    original = read_l2a(synthetic.l2a_dir / f"{OLD}.SAFE")
    bands = {band.name: read_band(original, band) for band in BANDS}
    bands["B04"][:20, 300:320] = 1  # darker than most: an offset must not lose it
    bands["B02"][:20, 300:320] = 65_535
    bright = {
        name: np.where(
            (dn == 0) | (dn == 65_535), dn, np.minimum(dn.astype(int) - OFFSET, 65_534)
        ).astype(np.uint16)
        for name, dn in bands.items()
    }
    for name, year, pixels, offset in (
        (OLD, 2018, bands, 0),
        (NEW, 2025, bright, OFFSET),
    ):
        time = datetime(year, 7, 18, 10, 10, 31, tzinfo=UTC)
        write(folder, name, time, original, pixels, offset)
    return folder


@pytest.fixture
def ground(pipeline: Pipeline, products: Path) -> Pipeline:
    """Both as own tiles; their files may be changed."""
    folder = pipeline.root / "L2A"
    shutil.copytree(products, folder)
    pipeline.settings["BEN_L2A_DIR"] = str(folder)
    use(pipeline, (OLD, "none"), (NEW, "none"))
    return pipeline


def use(pipeline: Pipeline, *rows: tuple[str, str]) -> None:
    path = pipeline.root / "tiles.csv"
    lines = [f"{name},{alignment}\n" for name, alignment in rows]
    path.write_text("tile,alignment\n" + "".join(lines))
    pipeline.settings["BEN_TILES_CSV"] = str(path)


def recipe(pipeline: Pipeline, text: str) -> None:
    path = pipeline.root / "mine.toml"
    path.write_text(text)
    pipeline.settings["BEN_RECIPE"] = str(path)


def patches_of(pipeline: Pipeline, name: str) -> dict[str, bytes]:
    """What follows the tile id in each file's name, to its content."""
    stem = ProductName.parse(name).stem
    folder = pipeline.data / "patches" / stem
    return {p.name.removeprefix(stem): p.read_bytes() for p in folder.rglob("*.tif")}


def table_of(pipeline: Pipeline, asset: str, key: str) -> pd.DataFrame:
    return pd.read_parquet(pipeline.data / asset / f"{key}.parquet")


def test_one_ground_gives_the_same_patches_with_and_without_offset(ground):
    """Pixels of baselines since 04.00 were 1000 too bright beside BigEarthNet v2."""
    old = ground.make_tile(OLD_KEY, upto="patches")
    new = ground.make_tile(NEW_KEY, upto="patches")
    found = patches_of(ground, NEW)
    assert len(found) > 100
    assert found == patches_of(ground, OLD)
    assert old.facts.baseline == "99.99"
    assert new.facts.baseline == "05.11"
    assert set(new.facts.offsets.values()) == {OFFSET}
    assert set(old.facts.offsets.values()) == {0}
    for facts in (old.facts, new.facts):
        assert facts.value_scale == "bigearthnet"
        assert facts.recipe == "bigearthnet-v2"
        assert len(facts.recipe_sha256) == 64
    valid = table_of(ground, "patches", OLD_KEY)["valid"]
    assert valid.equals(table_of(ground, "patches", NEW_KEY)["valid"])
    tile = ground.tile(NEW_KEY)
    assert recipe_rules.value_scale_is_that_of_the_recipe(tile, ground.ctx()).passed


def test_as_delivered_keeps_the_digital_numbers(ground):
    recipe(ground, 'value_scale = "as_delivered"\n')
    record = ground.make_tile(NEW_KEY, upto="patches")
    assert record.facts.value_scale == "as_delivered"
    product = read_l2a(ground.root / "L2A" / f"{NEW}.SAFE")
    pixels = read_band(product, BANDS[3])
    name = f"{ProductName.parse(NEW).stem}_01_01"
    path = ground.data / "patches" / name[:-6] / name / f"{name}_B04.tif"
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(1), pixels[120:240, 120:240])


def test_a_rule_tells_patches_of_another_scale(ground):
    ground.make_tile(NEW_KEY, upto="patches")
    recipe(ground, 'value_scale = "as_delivered"\n')
    result = recipe_rules.value_scale_is_that_of_the_recipe(
        ground.tile(NEW_KEY), ground.ctx()
    )
    assert not result.passed
    assert result.differing == ("value_scale: bigearthnet",)


def test_a_tile_aligned_with_v1_refuses_an_offset_by_name(ground):
    use(ground, (NEW, "v1"))
    ground.make("l2a_tiles", NEW_KEY)
    says = rf"^{NEW}: its digital numbers have an offset .*baseline 05.11"
    with pytest.raises(InvalidInput, match=says):
        ground.make("patches", NEW_KEY)


def test_another_quantification_is_refused(ground):
    metadata = ground.root / "L2A" / f"{NEW}.SAFE" / "MTD_MSIL2A.xml"
    text = metadata.read_text()
    metadata.write_text(text.replace('"none">10000</BOA', '"none">20000</BOA'))
    ground.make("l2a_tiles", NEW_KEY)
    with pytest.raises(InvalidInput, match=r"quantification 10000 .* found 20000"):
        ground.make("patches", NEW_KEY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('value_scale = "as_delivered"\n', "value scales; found bigearthnet: {0}.*"),
        ("[labels]\nmax_unlabelled = 0.5\n", "recipes; found bigearthnet-v2: {0}.*"),
    ],
    ids=["scales", "recipes"],
)
def test_a_release_of_two_kinds_is_refused(text, says, ground):
    """Two products of ESA, of one day each."""
    other = NEW.replace("20250718", "20250728")
    folder = ground.root / "L2A"
    original = read_l2a(folder / f"{NEW}.SAFE")
    bands = {band.name: read_band(original, band) for band in BANDS}
    time = datetime(2025, 7, 28, 10, 10, 31, tzinfo=UTC)
    write(folder, other, time, original, bands, OFFSET)
    use(ground, (NEW, "none"), (other, "none"))
    ground.make_tile(NEW_KEY, upto="aligned_dataset")
    recipe(ground, text)
    ground.make_tile(NEW_KEY.replace("0718", "0728"), upto="aligned_dataset")
    with pytest.raises(InvalidInput, match=says.format(NEW_KEY)):
        ground.make("release_metadata")


def test_a_changed_recipe_asks_for_the_patches_again(ground):
    ground.make_tile(NEW_KEY, upto="patches")
    recipe(ground, "[labels]\nmax_unlabelled = 0.5\n")
    with pytest.raises(InvalidInput, match=r"recipe: bigearthnet-v2 then, mine now"):
        ground.make("reference_maps", NEW_KEY)


def test_years_far_apart_are_a_warning(ground):
    for key, passed in ((OLD_KEY, True), (NEW_KEY, False)):
        ground.make_tile(key, upto="reference_maps")
        result = recipe_rules.land_cover_is_of_the_years_around(
            ground.tile(key), ground.ctx()
        )
        assert (result.passed, result.is_warning) == (passed, not passed)
    assert result.found == "land cover of 2018, sensing in 2025"


def use_raster(ground: Pipeline) -> Path:
    """A recipe with WorldCover's codes at random over the northern half of the tile."""
    grid = read_l2a(ground.root / "L2A" / f"{NEW}.SAFE").geocoding
    to_degrees = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    west, _, east, north = to_degrees.transform_bounds(*grid.bounds())
    pixel = 1 / 12_000
    n = round((east - west) / pixel) + 40
    known = list(built_in_legend("worldcover").classes)
    codes = np.random.default_rng(5).choice(known, (n // 2, n))
    path = ground.root / "worldcover" / "tile.tif"
    path.parent.mkdir()
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=n,
        height=n // 2,
        count=1,
        dtype="uint8",
        nodata=0,
        crs="EPSG:4326",
        transform=from_origin(west - 20 * pixel, north + 20 * pixel, pixel, pixel),
    ) as raster:
        raster.write(codes.astype(np.uint8), 1)
    recipe(
        ground,
        '[land_cover]\npath = "worldcover"\nlegend = "worldcover"\nyear = 2021\n',
    )
    return path


def test_land_cover_from_a_raster_goes_by_its_own_legend(ground):
    """WorldCover over the northern half of the tile: maps, labels, picture, rules."""
    legend = built_in_legend("worldcover")
    use_raster(ground)
    record = ground.make_tile(NEW_KEY, upto="metadata_tables")
    pixels = table_of(ground, "reference_maps", NEW_KEY)
    assert set(pixels["clc_code"]) == {*legend.classes, 999}
    assert (pixels.groupby("patch_id")["pixels"].sum() == 14_400).all()
    exported = table_of(ground, "patches", NEW_KEY)["valid"].sum()
    assert pixels["patch_id"].nunique() == exported  # also where there is only 999
    labels = table_of(ground, "metadata_tables", NEW_KEY).dropna(subset="labels")
    assert 0 < len(labels) < exported
    assert set(labels["labels"].explode()) == set(legend.labels)
    maps = ground.storage.require("reference_maps", NEW_KEY)
    assert "tile.tif" in maps.made_from
    assert (maps.facts.legend, maps.facts.land_cover_year) == ("worldcover", 2021)
    assert record.facts.recipe == "mine"
    open_half = recipe_rules.land_cover_covers_the_tile(
        ground.tile(NEW_KEY), ground.ctx()
    )
    assert (open_half.passed, open_half.is_warning) == (False, True)
    assert open_half.found.endswith(f"if it is land: ben doctor {NEW_KEY}")
    as_v1 = replace(ground.tile(NEW_KEY), alignment="v1")
    assert recipe_rules.land_cover_covers_the_tile(as_v1, ground.ctx()).passed


def use_vector(ground: Pipeline) -> Path:
    """A recipe with rice in the west and rock in the east."""
    grid = read_l2a(ground.root / "L2A" / f"{NEW}.SAFE").geocoding
    west, south, east, north = grid.bounds()
    middle = (west + east) / 2
    squares = [
        shapely.box(west, south, middle, north),
        shapely.box(middle, south, east, north),
    ]
    table = gpd.GeoDataFrame({"kind": [7, 9]}, geometry=squares, crs=grid.epsg)
    table.to_file(ground.root / "cover.gpkg", layer="cover")
    (ground.root / "mine.csv").write_text(
        "code,name,label,red,green,blue\n7,Rice,Rice,0,9,0\n9,Rock,,9,9,9\n"
    )
    recipe(
        ground,
        '[land_cover]\npath = "cover.gpkg"\ncode_column = "kind"\n'
        'legend = "mine.csv"\nyear = 2024\n',
    )
    return ground.root / "cover.gpkg"


def test_land_cover_from_a_vector_layer_of_the_users_own(ground):
    use_vector(ground)
    ground.make_tile(NEW_KEY, upto="metadata_tables")
    pixels = table_of(ground, "reference_maps", NEW_KEY)
    assert set(pixels["clc_code"]) == {7, 9}
    labels = table_of(ground, "metadata_tables", NEW_KEY)["labels"].dropna()
    assert {tuple(entry) for entry in labels} == {("Rice",)}


def use_countries(ground: Pipeline) -> Path:
    """A recipe whose one country lies all around the tile."""
    grid = read_l2a(ground.root / "L2A" / f"{NEW}.SAFE").geocoding
    table = gpd.GeoDataFrame(
        {"name": ["Land"]}, geometry=[shapely.box(*grid.bounds())], crs=grid.epsg
    )
    table.to_file(ground.root / "regions.gpkg")
    recipe(ground, '[countries]\npath = "regions.gpkg"\ncolumn = "name"\n')
    return ground.root / "regions.gpkg"


def stale(pipeline: Pipeline) -> dict[str, str]:
    """Asset to what it was made from that has changed, as ``ben verify --deep``."""
    digests = ReferenceDigests(Settings(pipeline.settings))
    found = find_differences(
        Snapshot(pipeline.data), deep=True, reference_digest=digests.of_record
    )
    return {one.asset: one.detail for one in found if one.kind is Kind.STALE}


@pytest.mark.parametrize(
    ("use_own", "asset"),
    [
        (use_raster, "reference_maps"),
        (use_vector, "reference_maps"),
        (use_countries, "patches"),
    ],
    ids=["raster", "vector", "countries"],
)
def test_a_changed_file_of_the_recipe_is_named_as_stale(use_own, asset, ground):
    path = use_own(ground)
    ground.make_tile(NEW_KEY, upto=asset)
    assert stale(ground) == {}
    with path.open("ab") as file:
        file.write(b"another")
    found = stale(ground)
    assert set(found) == {asset}
    assert found[asset].startswith(f"made from another {path.name}: ")


def test_a_file_of_the_recipe_is_not_taken_for_the_pinned_one(ground):
    """A recipe's own countries have the name of the pinned ones."""
    use(ground, (OLD, "v1"), (NEW, "none"))
    path = use_countries(ground)
    own = path.rename(ground.root / "ne_110m_admin_0_countries.geojson")
    recipe(ground, f'[countries]\npath = "{own.name}"\ncolumn = "name"\n')
    for key in (OLD_KEY, NEW_KEY):
        ground.make_tile(key, upto="patches")
    assert stale(ground) == {}


@pytest.mark.parametrize(
    ("baseline", "mission", "offset", "psd"),
    [
        ("0212", "S2A", 0, "psd-14"),
        ("0301", "S2B", 0, "psd-14"),
        ("0400", "S2B", OFFSET, "psd-14"),
        ("0509", "S2A", OFFSET, "psd-14"),
        ("0511", "S2C", OFFSET, "psd-15"),
        ("0512", "S2C", OFFSET, "psd-15"),
    ],
)
def test_metadata_of_every_baseline_are_read(baseline, mission, offset, psd, ground):
    name = NEW.replace("N0511", f"N{baseline}").replace("S2C", mission)
    original = read_l2a(ground.root / "L2A" / f"{OLD}.SAFE")
    folder = ground.root / "L2A" / f"{NEW}.SAFE"
    renamed = folder.rename(ground.root / f"{name}.SAFE")
    images = [
        str(path.relative_to(renamed).with_suffix(""))
        for path in renamed.rglob("IMG_DATA/*/*.jp2")
    ]
    description = ProductDescription(
        ProductName.parse(name),
        ProductName.parse(name).sensing_time,
        original.geocoding,
        offset=offset,
    )
    text = product_metadata(description, images)
    assert f"https://{psd}.sentinel2" in text
    (renamed / "MTD_MSIL2A.xml").write_text(text)
    radiometry = read_l2a(renamed).radiometry
    assert radiometry.baseline == f"{baseline[:2]}.{baseline[2:]}"
    assert radiometry.quantification == 10_000
    assert set(radiometry.offsets.values()) == {offset}
