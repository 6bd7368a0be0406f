from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ben_assets.bigearthnet.errors import InvalidProductName
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.product_names import (
    ProductName,
    patch_id,
    place_and_time,
    s1_acquisition,
    tile_id_of_patch,
)

KEY = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"

times = st.datetimes(datetime(2015, 6, 23), datetime(2099, 12, 31)).map(
    lambda time: time.strftime("%Y%m%dT%H%M%S")
)
names = st.builds(
    "S2{}_MSI{}_{}_N{:04d}_R{:03d}_T{:02d}{}{}{}_{}".format,
    st.sampled_from("ABCD"),
    st.sampled_from(["L1C", "L2A"]),
    times,
    st.integers(0, 9999),
    st.integers(1, 143),
    st.integers(1, 60),
    st.sampled_from("CDEFGHJKLMNPQRSTUVWX"),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUV"),
    times,
)


@given(names, st.sampled_from(["", ".SAFE"]))
def test_a_name_survives_parsing(name, suffix):
    product = ProductName.parse(name + suffix)
    assert product.name == name
    assert name.startswith(f"{product.stem}_")
    assert product.acquisition.mgrs in name
    assert product.epsg % 100 == int(product.acquisition.mgrs[:2])


@given(names, st.integers(0, 90), st.integers(0, 90))
def test_the_tile_id_comes_back_from_a_patch_id(name, column, row):
    tile_id = ProductName.parse(name).stem
    patch = patch_id(tile_id, column, row)
    assert tile_id_of_patch(patch) == tile_id
    assert patch.endswith(f"_{column:02d}_{row:02d}")


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_refused_by_name(text):
    try:
        assert ProductName.parse(text).name == text.removesuffix(".SAFE")
    except InvalidProductName as error:
        assert escaped(repr(text)) in str(error)  # noqa: PT017  # also a name may be drawn


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (KEY.replace("0613T10", "0631T10", 1), "no such time"),
        (KEY.replace("T101608", "T251608"), "no such time"),
        (KEY.replace("T33UUP", "T61UUP"), "zones go from 01 to 60, found 61"),
        (KEY.replace("T33UUP", "T00UUP"), "zones go from 01 to 60, found 00"),
        (KEY.replace("33UUP", "33IUP"), "not a Sentinel-2 product name"),
        (KEY.replace("L1C", "L3X"), "not a Sentinel-2 product name"),
        (f"{KEY}\n", "not a Sentinel-2 product name"),
        (f"../{KEY}", "not a Sentinel-2 product name"),
        (KEY.lower(), "not a Sentinel-2 product name"),
        ("", "not a Sentinel-2 product name"),
    ],
)
def test_what_is_no_product_name_is_refused(name, reason):
    with pytest.raises(InvalidProductName, match=reason):
        ProductName.parse(name)


def test_the_sensing_time_is_utc():
    expected = datetime(2017, 6, 13, 10, 10, 31, tzinfo=UTC)
    assert ProductName.parse(KEY).sensing_time == expected


@pytest.mark.parametrize(
    ("mgrs", "epsg"), [("33UUP", 32633), ("01NAA", 32601), ("60MZV", 32760)]
)
def test_the_utm_zone_follows_from_the_mgrs_tile(mgrs, epsg):
    assert ProductName.parse(KEY.replace("33UUP", mgrs)).epsg == epsg


def test_a_tile_key_is_place_and_time_of_a_product_of_either_level():
    for name in (KEY, f"{KEY}.SAFE", KEY.replace("L1C", "L2A")):
        assert ProductName.parse(name).tile_key == "T33UUP_20170613T101031"
    mgrs, time = place_and_time("T33UUP_20170613T101031")
    assert (mgrs, f"{time:%Y-%m-%dT%H:%M:%S%z}") == (
        "33UUP",
        "2017-06-13T10:10:31+0000",
    )
    with pytest.raises(InvalidProductName, match="'33UUP' is not a tile key"):
        place_and_time("33UUP")


def test_a_sentinel_1_name_needs_tile_column_and_row():
    with pytest.raises(InvalidProductName, match=r"expected <acquisition>_<MGRS tile>"):
        s1_acquisition("S1A_IW_GRDH_1SDV_20170613T165043")


@pytest.mark.parametrize(
    "name",
    [
        "../../S1A_IW_GRDH_1SDV_20170613T165043_33UUP_83_83",
        "S1A_IW_GRDH_1SDV_20170613T165043/../.._33UUP_83_83",
        "/tmp/S1A_x_33UUP_83_83",
        "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_83_83\n",
        "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_\u0663_83",
    ],
)
def test_a_sentinel_1_name_cannot_lead_elsewhere(name):
    with pytest.raises(InvalidProductName, match="is not a Sentinel-1 patch name"):
        s1_acquisition(name)


def test_digits_of_other_scripts_are_no_digits():
    name = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
    wide = name.translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    with pytest.raises(InvalidProductName, match="is not a Sentinel-2 product name"):
        ProductName.parse(wide)
