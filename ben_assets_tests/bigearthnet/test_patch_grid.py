from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patch_grid import (
    FULL_TILE_SIDE_M,
    SPLITS,
    TileGeocoding,
    cells_without_nodata,
    require_full_size,
    split_of,
    split_of_cell,
)

FULL = TileGeocoding(32633, 300_000, 5_400_000, FULL_TILE_SIDE_M)


def test_a_full_tile_has_8281_cells_and_the_published_splits():
    assert len(FULL.cell_names()) == 8281
    splits = Counter(split_of_cell(FULL, *cell) for cell in FULL.cell_names())
    assert splits == {"train": 4056, "validation": 2109, "test": 2116}


def test_cells_are_named_column_by_column_as_patch_ids_sort():
    assert FULL.cell_names()[:2] == [(0, 0), (0, 1)]
    assert FULL.cell_names()[91] == (1, 0)
    ids = [f"{x:02d}_{y:02d}" for x, y in FULL.cell_names()]
    assert ids == sorted(ids)


def test_the_corner_of_a_real_patch():
    """..._T33UUP_26_57 has its upper left corner at (331200, 5331600)."""
    assert FULL.corner(26, 57) == (331_200, 5_331_600)
    assert FULL.transform(20) == Affine(20, 0, 300_000, 0, -20, 5_400_000)
    assert FULL.bounds() == (300_000, 5_290_200, 409_800, 5_400_000)


offsets = st.floats(0, FULL_TILE_SIDE_M)


@given(offsets, offsets)
def test_the_split_does_not_change_under_the_symmetries_of_the_square(x, y):
    side = FULL_TILE_SIDE_M
    split = split_of(x, y, side)
    assert split in SPLITS
    assert split == split_of(y, x, side)
    assert SPLITS.index(split) == max(
        0, SPLITS.index(split_of(min(x, side - x), min(y, side - y), side))
    )


@given(offsets)
def test_frames_are_as_wide_as_the_rule_says(inset):
    middle = FULL_TILE_SIDE_M / 2
    inset = min(inset, FULL_TILE_SIDE_M - inset)
    expected = (
        "train"
        if inset <= FULL_TILE_SIDE_M * (2 - math.sqrt(2)) / 4
        else "validation"
        if inset <= 27_450
        else "test"
    )
    assert split_of(inset, middle, FULL_TILE_SIDE_M) == expected


def test_the_outer_frame_is_16079_837713_m_wide():
    middle = FULL_TILE_SIDE_M / 2
    assert split_of(16_079.837_712, middle, FULL_TILE_SIDE_M) == "train"
    assert split_of(16_079.837_714, middle, FULL_TILE_SIDE_M) == "validation"
    assert split_of(27_450.000_001, middle, FULL_TILE_SIDE_M) == "test"


@given(
    st.sampled_from(BANDS),
    st.integers(1, 10),
    st.integers(0, 59),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=6),
)
def test_a_cell_is_clean_iff_none_of_its_own_pixels_is_zero(band, cells, rest, zeros):
    """Also with zeros in the strip that belongs to no cell."""
    n = band.patch_pixels
    side = cells * n + rest * n // 60
    pixels = np.ones((side, side), np.uint16)
    for row, column in zeros:
        pixels[int(row * (side - 1)), int(column * (side - 1))] = 0
    expected = np.array(
        [
            [
                (pixels[y * n : y * n + n, x * n : x * n + n] != 0).all()
                for x in range(cells)
            ]
            for y in range(cells)
        ]
    )
    found = cells_without_nodata(pixels, band, cells)
    assert found.dtype == np.bool_
    assert (found == expected).all()


def test_the_neighbours_of_a_zero_at_a_patch_corner_stay_valid():
    pixels = np.full((60, 60), 7, np.uint16)
    pixels[19, 19] = 0
    clean = cells_without_nodata(pixels, Band("B01", 60), 3)
    assert np.argwhere(~clean).tolist() == [[0, 0]]


def test_only_a_tile_of_109_8_km_is_full_size():
    require_full_size(FULL, "tile")
    with pytest.raises(InvalidInput, match=r"expected a tile of 109800 m .*found 6600"):
        require_full_size(TileGeocoding(32633, 300_000, 5_400_000, 6600), "tile")


def test_a_point_on_the_inner_border_is_validation():
    side = 109_800
    assert split_of(side / 4, side / 2, side) == "validation"
    assert split_of(side / 4 + 1, side / 2, side) == "test"


def test_the_split_of_a_cell_is_that_of_its_centre():
    splits = [split_of_cell(FULL, column, 45) for column in (12, 13, 22, 23)]
    assert splits == ["train", "validation", "validation", "test"]
    from_the_right = [split_of_cell(FULL, column, 45) for column in (69, 77, 78)]
    assert from_the_right == ["validation", "validation", "train"]
