from __future__ import annotations

import base64
import csv
import io

import numpy as np
from PIL import Image

from ben_assets.bigearthnet.legend import CLC2018, CODES, LABELS
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.pictures.cells import COLOUR_OF_SPLIT, cell_picture, label_picture
from ben_assets.pictures.quicklook import (
    land_cover_picture,
    thin,
    true_colour_picture,
)
from ben_assets_tests.support.shared import SHARED, needs_shared

SMALL = TileGeocoding(32633, 300_000, 5_400_000, 6_600)
FULL = TileGeocoding(32633, 300_000, 5_400_000, 109_800)


def decode(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def colours_of(content: bytes) -> set[tuple[int, ...]]:
    return {tuple(c) for c in np.unique(decode(content).reshape(-1, 3), axis=0)}


def noise(side: int, low: int, high: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (side, side), np.uint16)


def coded(content: bytes) -> int:
    return len(base64.b64encode(content))


class TestSize:
    """Dagster keeps pictures in its event log: each below 50 kB once base64-coded."""

    def test_true_colour_of_pure_noise_fits(self):
        bands = tuple(thin(noise(10_980, 0, 3000, seed)) for seed in range(3))
        assert coded(true_colour_picture("noise", FULL, bands)) <= 50_000

    def test_land_cover_of_pure_noise_in_all_45_codes_fits(self):
        codes = np.array(CODES, np.uint16)[noise(1098, 0, 45)]
        content = land_cover_picture("noise", FULL, codes, CLC2018)
        assert coded(content) <= 50_000
        assert {CLC2018.entry(code).colour for code in CODES} <= colours_of(content)

    def test_cells_of_pure_noise_fit(self):
        valid, exported = noise(91, 0, 2).astype(bool), noise(91, 0, 2, 2).astype(bool)
        content = cell_picture("noise", FULL, valid, valid & exported)
        assert coded(content) <= 50_000


def test_the_same_rasters_give_the_same_bytes():
    bands = tuple(noise(660, 100, 2500, seed) for seed in range(3))
    codes = np.array(CODES, np.uint16)[noise(660, 0, 45)]
    cells = np.ones((5, 5), bool)
    for draw in (
        lambda: true_colour_picture("t", SMALL, bands),
        lambda: land_cover_picture("t", SMALL, codes, CLC2018),
        lambda: cell_picture("t", SMALL, cells, cells),
        lambda: label_picture("t", {"Pastures": 3}, 4, LABELS),
    ):
        assert draw() == draw()


def test_pixels_without_data_are_hatched_and_no_others():
    green = np.full((660, 660), 1200, np.uint16)
    green[:, 330:] = 0
    dark = np.full((660, 660), 300, np.uint16)
    pixels = decode(true_colour_picture("half", SMALL, (dark, green, dark)))
    is_green = (pixels[..., 1] > pixels[..., 0].astype(int) + 40).sum(axis=0)
    columns = np.flatnonzero(is_green > 200)
    assert columns.size > 100
    right = pixels[100:400, columns.max() + 20 : columns.max() + 120].reshape(-1, 3)
    assert np.ptp(right.astype(int), axis=1).max() < 40, "grey stripes only"
    assert np.ptp(right.mean(axis=1)) > 50, "light and dark stripes"


def test_land_cover_shows_official_colours_and_only_what_occurs():
    codes = np.full((660, 660), 211, np.uint16)
    codes[:, 330:] = 512
    found = colours_of(land_cover_picture("two", SMALL, codes, CLC2018))
    assert {CLC2018.entry(211).colour, CLC2018.entry(512).colour} <= found
    assert CLC2018.entry(112).colour not in found


def test_cells_tell_split_validity_and_export_apart():
    valid, exported = np.ones((5, 5), bool), np.ones((5, 5), bool)
    valid[0, 4] = exported[0, 4] = exported[2, 2] = False
    pixels = decode(cell_picture("cells", SMALL, valid, exported))
    train = (pixels == COLOUR_OF_SPLIT["train"]).all(axis=-1)
    rows, columns = np.flatnonzero(train.any(axis=1)), np.flatnonzero(train.any(axis=0))
    side = 88
    left, top = columns[0] - 3, rows[0] - 3

    def at(column: int, row: int) -> tuple[int, ...]:
        spot = pixels[top + row * side + 20, left + column * side + 44]
        return tuple(int(channel) for channel in spot)

    assert at(0, 0) == COLOUR_OF_SPLIT["train"]
    assert at(1, 2) == COLOUR_OF_SPLIT["test"]
    assert at(2, 2) == tuple((c + 510) // 3 for c in COLOUR_OF_SPLIT["test"])
    assert at(4, 0) == (214, 214, 214)


def test_bars_are_as_long_as_the_counts_say():
    pixels = decode(label_picture("bars", {LABELS[0]: 10, LABELS[1]: 5}, 10, LABELS))
    bar = (pixels == (31, 111, 160)).all(axis=-1).sum(axis=1)
    first, second = (bar[44 + i * 22 + 11] for i in (0, 1))
    assert (first, second) == (301, 151)


def test_a_tile_without_kept_patches_has_a_histogram_too():
    assert len(label_picture("none", {}, 0, LABELS)) > 1000


def test_the_legend_names_every_code_a_map_may_hold():
    assert sorted((*CLC2018.classes, 999)) == list(CODES)


@needs_shared
def test_the_legend_is_the_official_one():
    with (SHARED / "reference" / "clc_colours.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            entry = CLC2018.entry(int(row["clc_code"]))
            assert entry.name == row["label3"]
            assert entry.colour == tuple(int(row[c]) for c in "rgb")
