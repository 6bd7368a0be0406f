from ben_assets.bigearthnet.bands import BANDS, L1C_BANDS

GSD_M = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B09"),
}


def test_a_patch_has_the_twelve_bands_of_l2a_at_their_native_resolution():
    assert {band.name: band.gsd_m for band in BANDS} == {
        name: gsd_m for gsd_m, names in GSD_M.items() for name in names
    }
    assert {band.gsd_m: band.patch_pixels for band in BANDS} == {
        10: 120,
        20: 60,
        60: 20,
    }


def test_an_l1c_product_has_the_cirrus_band_as_well():
    assert {b.name for b in L1C_BANDS} - {b.name for b in BANDS} == {"B10"}
    assert [band.name for band in L1C_BANDS][8] == "B8A"
