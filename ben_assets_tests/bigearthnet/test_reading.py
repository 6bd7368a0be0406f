import re
from pathlib import Path

import numpy as np
import pytest

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.errors import MissingInput
from ben_assets.bigearthnet.geotiff import UNCOMPRESSED, encode
from ben_assets.bigearthnet.reading import open_patch, open_reference_map, open_tile
from resources.settings import REPOSITORY

PATCH = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57"


def _write_patch(folder: Path) -> None:
    folder.mkdir()
    for band in BANDS:
        n = band.patch_pixels
        pixels = (np.arange(n)[:, None] * 100 + np.arange(n) + 1).astype(np.uint16)
        content = encode(pixels, 32633, (331200, 5331600), band.gsd_m, UNCOMPRESSED)
        (folder / f"{PATCH}_{band.name}.tif").write_bytes(content)


def test_bands_keep_their_pixels_position_and_crs(tmp_path):
    _write_patch(tmp_path / PATCH)
    patch = open_patch(tmp_path / PATCH)
    assert set(patch.data_vars) == {band.name for band in BANDS}
    blue, aerosol = patch["B02"], patch["B01"]
    assert blue.dims == ("y_10m", "x_10m")
    assert aerosol.shape == (20, 20)
    assert blue.dtype == np.uint16
    assert blue.values[3, 5] == 306
    assert float(blue["x_10m"][0]) == 331205
    assert float(aerosol["y_60m"][0]) == 5331570
    assert patch.rio.crs.to_epsg() == 32633
    assert (blue.attrs["units"], blue.attrs["gsd_m"]) == (
        "DN, surface reflectance x 10000",
        10,
    )


def test_a_patch_without_a_band_is_refused(tmp_path):
    _write_patch(tmp_path / PATCH)
    (tmp_path / PATCH / f"{PATCH}_B8A.tif").unlink()
    with pytest.raises(MissingInput, match=r"B8A\.tif is missing"):
        open_patch(tmp_path / PATCH)


def test_pixels_are_read_when_they_are_asked_for(tmp_path):
    """A whole data set can be opened, also where memory holds but a few patches."""
    _write_patch(tmp_path / PATCH)
    blue = open_patch(tmp_path / PATCH)["B02"]
    assert not blue.variable._in_memory
    assert int(blue[3, 5]) == 306


def test_a_reference_map_keeps_its_codes(tmp_path):
    codes = np.full((120, 120), 312, np.uint16)
    codes[7, 9] = 999
    path = tmp_path / f"{PATCH}_reference_map.tif"
    path.write_bytes(encode(codes, 32633, (331200, 5331600), 10, UNCOMPRESSED))
    land_cover = open_reference_map(path)
    assert land_cover.dims == ("y", "x")
    assert int(land_cover[7, 9]) == land_cover.attrs["unlabelled_code"] == 999
    assert land_cover.rio.crs.to_epsg() == 32633
    with pytest.raises(MissingInput, match=r"other\.tif is missing"):
        open_reference_map(tmp_path / "other.tif")


def test_a_tile_is_read_from_its_product(synthetic):
    product = next(synthetic.l2a_dir.glob("*_T33UUP_*.SAFE"))
    tile = open_tile(product)
    assert tile["B02"].sizes["x_10m"] == 6 * tile["B01"].sizes["x_60m"]
    assert tile["B8A"].attrs["gsd_m"] == 20
    assert tile.rio.crs.to_epsg() == 32633


def test_the_lines_of_the_page_read_a_table_and_a_patch(finished, monkeypatch, capsys):
    text = (REPOSITORY / "docs/quick-start.md").read_text()
    code = text.split("```python\n")[1].partition("```")[0]
    tile = re.search(r'tile = "(\w+)"', code)
    assert tile is not None
    (finished.root / ".demo").mkdir()
    (finished.root / ".demo/data").symlink_to(finished.data)
    monkeypatch.chdir(finished.root)
    exec(code.replace(tile[1], finished.keys[0]), {})
    said = capsys.readouterr().out
    assert "<xarray.Dataset>" in said
    assert "B12" in said
