"""Land cover rasters on the 10 m grid, compared with GDAL's own warp of the tile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import from_origin

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.land_cover_raster import (
    PLACES,
    places_outside,
    rasters_of_tile,
    read_codes,
    source_files,
)
from ben_assets.bigearthnet.legend import built_in_legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets_tests.support.gdal_warp import warped

GRID = TileGeocoding(epsg=32633, ulx=300_000, uly=5_400_000, side_m=9_000)
WORLDCOVER = built_in_legend("worldcover")
PIXEL = 1 / 12_000  # of WorldCover, in degrees
ALL = np.array(list(WORLDCOVER.classes), dtype=np.uint8)


def box_in(crs: str) -> tuple[float, float, float, float]:
    to_crs = pyproj.Transformer.from_crs(GRID.epsg, crs, always_xy=True)
    return to_crs.transform_bounds(*GRID.bounds())


def write(path: Path, crs, pixel, *, nodata=0, share=1.0, east=False, seed=7):
    """Random codes over the tile, or over the western or eastern part of it."""
    west, south, right, north = box_in(crs)
    cols, rows = round((right - west) / pixel), round((north - south) / pixel)
    codes = np.random.default_rng(seed).choice(ALL, (rows + 20, cols + 20))
    if nodata is not None:
        middle = len(codes) // 2
        codes[middle : middle + 10, middle : middle + 10] = nodata
    cut = round(share * codes.shape[1])
    first = cut if east else 0
    codes = codes[:, first:] if east else codes[:, :cut]
    transform = from_origin(
        west + (first - 10) * pixel, north + 10 * pixel, pixel, pixel
    )
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": nodata}
    profile |= {"height": codes.shape[0], "width": codes.shape[1]}
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile) as raster:
        raster.write(codes, 1)
    return path


def warped_codes(path: Path) -> np.ndarray:
    """GDAL's own warp of the whole tile, 999 where there is nothing."""
    with warped(path, GRID) as onto_grid:
        codes = onto_grid.read(1).astype(np.uint16)
    return np.where(codes == 0, 999, codes)


@pytest.mark.parametrize(
    ("crs", "pixel"), [("EPSG:4326", PIXEL), ("EPSG:3035", 10), ("EPSG:3035", 100)]
)
def test_codes_are_those_at_the_pixel_centres(crs, pixel, tmp_path):
    path = write(tmp_path / "cover.tif", crs, pixel)
    found = read_codes([path], GRID, WORLDCOVER, threads=2)
    assert found.dtype == np.uint16
    assert found.shape == (900, 900)
    np.testing.assert_array_equal(found, warped_codes(path))
    assert 0 < (found == 999).sum() < 20_000


def test_a_centre_is_where_pyproj_says(tmp_path):
    path = write(tmp_path / "cover.tif", "EPSG:4326", PIXEL)
    found = read_codes([path], GRID, WORLDCOVER, threads=1)
    to_degrees = pyproj.Transformer.from_crs(GRID.epsg, 4326, always_xy=True)
    rows, cols = np.random.default_rng(3).integers(100, 900, (2, 500))
    x, y = GRID.ulx + cols * 10 + 5, GRID.uly - rows * 10 - 5
    with rasterio.open(path) as raster:
        points = list(zip(*to_degrees.transform(x, y), strict=True))
        expected = [int(value[0]) for value in raster.sample(points)]
    assert found[rows, cols].tolist() == expected


def test_outside_of_a_raster_is_999(tmp_path):
    path = write(tmp_path / "cover.tif", "EPSG:4326", PIXEL, share=0.5)
    found = read_codes([path], GRID, WORLDCOVER, threads=1)
    np.testing.assert_array_equal(found, warped_codes(path))
    assert (found[:, 500:] == 999).all()
    assert (found[500:, :400] != 999).all()


def test_a_folder_of_tiles_gives_what_the_whole_gives(tmp_path):
    whole = write(tmp_path / "whole.tif", "EPSG:4326", PIXEL)
    folder = tmp_path / "tiles"
    folder.mkdir()
    write(folder / "west.tif", "EPSG:4326", PIXEL, share=0.4)
    write(folder / "east.tif", "EPSG:4326", PIXEL, share=0.4, east=True)
    rasters = rasters_of_tile(folder, GRID)
    assert [path.name for path in rasters] == ["east.tif", "west.tif"]
    np.testing.assert_array_equal(
        read_codes(rasters, GRID, WORLDCOVER, threads=2),
        read_codes([whole], GRID, WORLDCOVER, threads=2),
    )


def test_where_rasters_overlap_the_first_with_a_value_counts(tmp_path):
    west = write(tmp_path / "west.tif", "EPSG:3035", 50, share=0.6, seed=8)
    whole = write(tmp_path / "whole.tif", "EPSG:3035", 50)
    one, other = (read_codes([p], GRID, WORLDCOVER, threads=1) for p in (west, whole))
    both = read_codes([west, whole], GRID, WORLDCOVER, threads=1)
    np.testing.assert_array_equal(both, np.where(one == 999, other, one))
    turned = read_codes([whole, west], GRID, WORLDCOVER, threads=1)
    np.testing.assert_array_equal(turned, np.where(other == 999, one, other))


def test_a_raster_elsewhere_is_not_read(tmp_path):
    write(tmp_path / "here.tif", "EPSG:4326", PIXEL)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    away = from_origin(-60, -30, PIXEL, PIXEL)
    with rasterio.open(
        tmp_path / "away.tif", "w", width=4, height=4, transform=away, **profile
    ) as raster:
        raster.write(np.full((4, 4), 77, np.uint8), 1)
    assert [path.name for path in rasters_of_tile(tmp_path, GRID)] == ["here.tif"]


def test_a_virtual_raster_names_its_files(tmp_path):
    path = write(tmp_path / "cover.tif", "EPSG:4326", PIXEL)
    virtual = tmp_path / "cover.vrt"
    with rasterio.open(path) as raster:
        gt = ", ".join(map(str, raster.transform.to_gdal()))
        size = f'rasterXSize="{raster.width}" rasterYSize="{raster.height}"'
    virtual.write_text(
        f"<VRTDataset {size}><SRS>EPSG:4326</SRS><GeoTransform>{gt}</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><NoDataValue>0</NoDataValue>'
        '<SimpleSource><SourceFilename relativeToVRT="1">cover.tif</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    assert {file.name for file in source_files(virtual)} == {"cover.vrt", "cover.tif"}
    np.testing.assert_array_equal(
        read_codes([virtual], GRID, WORLDCOVER, threads=1),
        read_codes([path], GRID, WORLDCOVER, threads=1),
    )


def test_an_unknown_code_is_refused_by_value(tmp_path):
    path = write(tmp_path / "cover.tif", "EPSG:4326", PIXEL)
    legend = built_in_legend("clc2018_raster")
    with pytest.raises(InvalidInput, match=r"unknown codes: 50, 60, .*clc2018_raster"):
        read_codes([path], GRID, legend, threads=1)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("int16", -9999), ("uint16", 999), ("int32", -(2**31))]
)
def test_values_of_more_than_a_byte_are_read_alike(dtype, nodata, tmp_path):
    path = write(tmp_path / "cover.tif", "EPSG:3035", 10)
    with rasterio.open(path) as raster:
        codes, profile = raster.read(1).astype(dtype), raster.profile
    codes[codes == 0] = nodata
    wide = tmp_path / "wide.tif"
    with rasterio.open(wide, "w", **profile | {"dtype": dtype, "nodata": nodata}) as r:
        r.write(codes, 1)
    np.testing.assert_array_equal(
        read_codes([wide], GRID, WORLDCOVER, threads=2),
        read_codes([path], GRID, WORLDCOVER, threads=2),
    )


@pytest.mark.parametrize("value", [-10, 999, 65_546, 2**31 - 1])
def test_a_value_that_is_no_code_is_refused(value, tmp_path):
    path = tmp_path / "cover.tif"
    west, south, east, north = box_in("EPSG:4326")
    profile = {"driver": "GTiff", "count": 1, "dtype": "int32", "crs": "EPSG:4326"}
    transform = from_origin(west, north, (east - west) / 2, (north - south) / 2)
    with rasterio.open(
        path, "w", width=2, height=2, transform=transform, **profile
    ) as r:
        r.write(np.array([[10, 20], [value, 30]], np.int32), 1)
    with pytest.raises(InvalidInput, match=rf"unknown codes: {value}; expected"):
        read_codes([path], GRID, WORLDCOVER, threads=1)


def test_a_raster_of_fractions_is_refused(tmp_path):
    path = tmp_path / "height.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(
        path, "w", width=2, height=2, transform=from_origin(12, 48, 1, 1), **profile
    ) as raster:
        raster.write(np.ones((2, 2), np.float32), 1)
    with pytest.raises(InvalidInput, match=r"whole numbers; found .*float32"):
        rasters_of_tile(path, GRID)


def test_a_missing_raster_says_what_is_expected(tmp_path):
    with pytest.raises(
        MissingInput, match=r"land cover is missing: expected .*nowhere"
    ):
        rasters_of_tile(tmp_path / "nowhere", GRID)


def test_a_tile_across_the_antimeridian_reads_both_sides(tmp_path):
    grid = TileGeocoding(epsg=32601, ulx=168_500, uly=1_000_000, side_m=3_000)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    for name, west, code in (("east", 179, 10), ("west", -180, 80)):
        transform = from_origin(west, 10, 0.01, 0.01)
        with rasterio.open(
            tmp_path / f"{name}.tif",
            "w",
            width=100,
            height=200,
            transform=transform,
            **profile,
        ) as raster:
            raster.write(np.full((200, 100), code, np.uint8), 1)
    codes = read_codes(rasters_of_tile(tmp_path, grid), grid, WORLDCOVER, threads=1)
    to_degrees = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    x, y = np.meshgrid(np.arange(300) * 10 + 5.0, np.arange(300) * 10 + 5.0)
    longitude, _ = to_degrees.transform(grid.ulx + x, grid.uly - y)
    assert 0 < (longitude < 0).mean() < 1
    np.testing.assert_array_equal(codes, np.where(longitude < 0, 80, 10))


def test_places_that_no_raster_spans_are_found(tmp_path):
    west = write(tmp_path / "west.tif", "EPSG:4326", PIXEL, share=0.4)
    assert len(places_outside([], GRID)) == PLACES
    places = places_outside([west], GRID)
    assert len(places) == pytest.approx(0.6 * PLACES, abs=0.05 * PLACES)
    with rasterio.open(west) as source:
        assert (places[:, 0] >= source.bounds.right).all()
    east = write(tmp_path / "east.tif", "EPSG:32633", 10, share=0.3, east=True)
    assert len(places_outside([west, east], GRID)) == 0
