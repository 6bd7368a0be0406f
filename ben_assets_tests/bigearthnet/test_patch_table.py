"""Labels, flags and matching patches of the cells of a tile."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.legend import CLC2018
from ben_assets.bigearthnet.patch_table import (
    LabelRule,
    metadata_table,
    with_validity,
)

PIXELS = 14_400
NAMES = ["clear", "snowy", "cloudy", "alone", "bare"]
"""Patches; the last but one aligns with no v1 patch, the last has no labels."""


def cells(**columns) -> pd.DataFrame:
    v1_names = ["v1_clear", "v1_snowy", "v1_cloudy", None, "v1_bare"]
    values = {
        "patch_id": NAMES,
        "split": ["train", "validation", "test", "train", "train"],
        "country": ["Austria"] * 5,
        "s2v1_name": pd.array(v1_names, dtype="str"),
        "valid": [True, True, True, True, False],
    }
    return pd.DataFrame(values | columns)


def join(*, has_labels=True, **choices) -> pd.DataFrame:
    codes = [(name, 211, PIXELS) for name in NAMES[:4]] + [("bare", 999, PIXELS)]
    known = {
        "patches": cells(),
        "code_pixels": pd.DataFrame(codes, columns=["patch_id", "clc_code", "pixels"]),
        "s1_names": {f"v1_{name}": f"s1_{name}" for name in NAMES},
        "snow": {"v1_snowy", "snowy"},
        "cloud": {"v1_cloudy", "cloudy"},
        "rule": LabelRule(CLC2018, 0.25, has_labels),
        "needs_v1": True,
    }
    return metadata_table(**known | choices).set_index("patch_id")


def names_where(column: pd.Series) -> list[str]:
    return list(column[column].index)


def test_snow_and_cloud_come_from_their_own_lists_by_v1_name():
    table = join()
    assert names_where(table["contains_seasonal_snow"]) == ["snowy"]
    assert names_where(table["contains_cloud_or_shadow"]) == ["cloudy"]


def test_labelled_and_aligned_patches_are_kept_with_their_matches():
    table = join()
    assert names_where(table["kept"]) == ["clear", "snowy", "cloudy"]
    assert table["labels"]["clear"] == ["Arable land"]
    assert table["labels"]["bare"] is None
    assert table["s1_name"]["snowy"] == "s1_snowy"
    assert pd.isna(table["s1_name"]["alone"])
    assert table["valid"].tolist() == [True, True, True, True, False]


def test_an_own_tile_keeps_what_has_labels():
    nothing = pd.array([None] * 5, dtype="str")
    table = join(patches=cells(s2v1_name=nothing), s1_names={}, needs_v1=False)
    assert names_where(table["kept"]) == ["clear", "snowy", "cloudy", "alone"]
    assert table["s1_name"].isna().all()


def test_a_product_that_failed_a_quality_check_gives_no_label():
    table = join(has_labels=False)
    assert table["labels"].isna().all()
    assert names_where(table["kept"]) == []


def test_a_labelled_aligned_patch_needs_sentinel_1():
    known = {f"v1_{name}": f"s1_{name}" for name in NAMES if name != "snowy"}
    with pytest.raises(InvalidInput, match=r"1 labelled .*: snowy \(v1: v1_snowy\)"):
        join(s1_names=known)


def test_validity_is_read_by_row_and_column():
    patches = gpd.GeoDataFrame({"x": [0, 0, 1, 1], "y": [0, 1, 0, 1]})
    valid = np.array([[True, False], [True, True]])
    table = with_validity(patches, valid)
    assert list(table.columns) == ["x", "y", "valid"]
    assert table["valid"].tolist() == [True, True, False, True]
