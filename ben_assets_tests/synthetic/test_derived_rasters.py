from __future__ import annotations

import numpy as np

from ben_assets.synthetic.safe_writer import (
    block_mean,
    scene_classes,
    true_colour,
)


def test_block_means_are_rounded_half_up():
    pixels = np.array([[1, 2, 9, 9], [1, 2, 9, 9]], np.uint16)
    np.testing.assert_array_equal(block_mean(pixels, 2), [[2, 9]])
    assert block_mean(np.full((6, 6), 65535, np.uint16), 6).tolist() == [[65535]]


def test_true_colour_is_zero_only_without_data():
    dn = np.array([[0, 1, 1779, 3558, 65535]], np.uint16)
    image = true_colour([dn, dn[:, ::-1], dn])
    assert image.dtype == np.uint8
    assert image[0].tolist() == [[0, 1, 127, 255, 255]]
    assert image[1].tolist() == [[255, 255, 127, 1, 0]]


def test_scene_classes_tell_vegetation_soil_and_water():
    red = np.array([300, 2000, 200, 0], np.uint16)
    near_infrared = np.array([3500, 2500, 150, 0], np.uint16)
    assert scene_classes(red, near_infrared).tolist() == [4, 5, 6, 0]
