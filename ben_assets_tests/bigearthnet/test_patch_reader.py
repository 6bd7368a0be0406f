from pathlib import Path

import numpy as np
import pytest

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.errors import MissingInput
from ben_assets.bigearthnet.geotiff import UNCOMPRESSED, encode
from ben_assets.bigearthnet.patch_reader import open_patch

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


def test_a_patch_without_a_band_is_refused(tmp_path):
    _write_patch(tmp_path / PATCH)
    (tmp_path / PATCH / f"{PATCH}_B8A.tif").unlink()
    with pytest.raises(MissingInput, match=r"B8A\.tif is missing"):
        open_patch(tmp_path / PATCH)
