import numpy as np
import pytest

from ben_assets.synthetic.dark_object import (
    SATURATED,
    correction_table,
    dark_number,
    haze,
    histogram,
    subtract_dark_object,
)


def scene(dark=500, n=1100):
    """Dark objects of one value, brighter land, a nodata corner, saturated pixels."""
    pixels = (np.arange(n * n).reshape(n, n) % 3000 + dark + 100).astype(np.uint16)
    pixels[:40, :40] = dark
    pixels[-30:, -30:] = 0
    pixels[500, :50] = SATURATED
    return pixels


def test_the_dark_objects_end_at_one_per_cent_reflectance():
    pixels = scene()
    expected = pixels.astype(int) - 400
    measured = (pixels != 0) & (pixels != SATURATED)
    assert subtract_dark_object(pixels) == 400
    np.testing.assert_array_equal(pixels[measured], expected[measured])
    assert pixels[0, 0] == 100
    assert pixels.dtype == np.uint16


def test_nodata_stays_nodata_and_no_measured_pixel_becomes_nodata():
    pixels = scene()
    pixels[700:705, 700:705] = 1  # fewer than the dark objects, and darker
    before = pixels.copy()
    subtract_dark_object(pixels)
    np.testing.assert_array_equal(pixels == 0, before == 0)
    np.testing.assert_array_equal(pixels == SATURATED, before == SATURATED)
    assert (pixels[700:705, 700:705] == 1).all()


def test_a_clear_band_is_left_as_it_is():
    pixels = scene(dark=60)
    before = pixels.copy()
    assert subtract_dark_object(pixels) == 0
    np.testing.assert_array_equal(pixels, before)


def test_the_offset_of_newer_baselines_gives_the_same_reflectance():
    """Baseline 04.00 adds 1000 to all digital numbers and says so."""
    old, new = scene(), scene()
    measured = (new != 0) & (new != SATURATED)
    new[measured] += 1000
    assert subtract_dark_object(old) == subtract_dark_object(new, offset=-1000)
    np.testing.assert_array_equal(new, old)


def test_another_quantification_gives_the_same_reflectance():
    pixels, doubled = scene(), scene()
    measured = (doubled != 0) & (doubled != SATURATED)
    doubled[measured] *= 2
    subtract_dark_object(pixels)
    subtract_dark_object(doubled, quantification=20_000)
    np.testing.assert_array_equal(doubled, pixels)


def test_a_band_without_a_measurement_stays_empty():
    pixels = np.zeros((20, 20), np.uint16)
    assert dark_number(histogram(pixels)) is None
    assert subtract_dark_object(pixels) == 0
    assert not pixels.any()


def test_a_few_defective_pixels_are_not_the_dark_object():
    pixels = scene()
    pixels[3, 3] = 2
    assert dark_number(histogram(pixels)) == 500


@pytest.mark.parametrize(("offset", "haze_number"), [(0, 0), (-1000, 250), (500, 3000)])
def test_the_correction_never_turns_round_nor_over(offset, haze_number):
    table = correction_table(haze_number, 10_000, offset).astype(int)
    assert (np.diff(table[1:]) >= 0).all()
    assert table[0] == 0
    assert table[1] >= 1
    assert table[65534] < SATURATED == table[65535]


def test_haze_is_never_negative():
    assert haze(dark=3, quantification=10_000, offset=0) == 0
