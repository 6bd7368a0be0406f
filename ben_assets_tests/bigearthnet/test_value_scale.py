"""The scale of digital numbers: no data and saturated stay what they are."""

from __future__ import annotations

import numpy as np

from ben_assets.bigearthnet.value_scale import ValueScale, stored_number, to_scale


def test_an_offset_is_added_and_the_two_special_values_stay():
    table = stored_number(-1000)
    assert (table.dtype, table.shape) == (np.uint16, (65_536,))
    assert table[[0, 65_535]].tolist() == [0, 65_535]
    assert table[[1, 1000, 1001]].tolist() == [1, 1, 1], "measured, however dark"
    assert table[[1002, 3000, 65_534]].tolist() == [2, 2000, 64_534]
    assert stored_number(1000)[[1, 64_534, 65_534]].tolist() == [1001, 65_534, 65_534]


def test_a_band_of_any_height_is_brought_to_scale_and_only_where_asked():
    delivered = np.arange(2000, 3300, dtype=np.uint16).reshape(-1, 1)
    for scale, offset, expected in (
        (ValueScale.BIGEARTHNET, -1000, delivered - 1000),
        (ValueScale.BIGEARTHNET, 0, delivered),
        (ValueScale.AS_DELIVERED, -1000, delivered),
    ):
        pixels = delivered.copy()
        to_scale(pixels, offset, scale)
        np.testing.assert_array_equal(pixels, expected)
