from __future__ import annotations

import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.tile_list import (
    Tile,
    add_own_tiles,
    find_tile,
    parse_tracked_tiles,
)
from resources.settings import REPOSITORY

TRACKED = Tile(
    "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608", cdse_id="1"
)
OWN = "S2A_MSIL1C_20180805T110621_N0206_R137_T30TVK_20180805T132154"
OTHER = "S2B_MSIL1C_20180416T105029_N0206_R051_T31UGQ_20180416T125322"


def add(text: str) -> tuple[list[Tile], list[str]]:
    tiles, reports = add_own_tiles([TRACKED], text, "own.csv")
    assert tiles[-1] == TRACKED
    return tiles[:-1], reports


def test_125_tiles_are_tracked_with_id_and_hash():
    tiles = parse_tracked_tiles(
        (REPOSITORY / "tracked-artifacts/tiles.csv").read_text()
    )
    assert len({tile.key for tile in tiles}) == 125
    assert all(tile.is_published and len(str(tile.l1c_sha256)) == 64 for tile in tiles)
    assert all(tile.alignment == "v1" for tile in tiles)


@pytest.mark.parametrize(
    "text",
    [
        f"tile\n{OWN}\n",
        f"tile\n{OWN}.SAFE",
        f"\ufefftile\r\n{OWN}\r\n",
        f'tile,alignment\n"{OWN}",\n',
        f"alignment, tile, note\nv1, {OWN} ,mine\n",
    ],
    ids=["plain", "SAFE", "Windows", "quotes", "columns"],
)
def test_own_tiles_come_before_the_tracked_ones(text):
    assert add(text) == ([Tile(OWN)], [])


def test_a_tile_may_go_without_alignment():
    assert add(f"tile,alignment\n{OWN},none\n") == ([Tile(OWN, "none")], [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nonsense,v1", "'nonsense' is not a Sentinel-2 product name"),
        (",v1", "'' is not a Sentinel-2 product name"),
        (f"{OWN},v2", "alignment is 'v2'; expected one of v1, none"),
        (TRACKED.name, f"the MGRS tile and sensing time of {TRACKED.name}"),
        (
            TRACKED.name.replace("N0205", "N0500").replace("T101608", "T235959"),
            f"the MGRS tile and sensing time of {TRACKED.name}",
        ),
        (OTHER, f"{OTHER} has the MGRS tile and sensing time of {OTHER}"),
        (OTHER.replace("2018", "２０１８"), "is not a Sentinel-2 product name"),
    ],
)
def test_a_bad_row_is_reported_by_line_and_left_out(row, reason):
    tiles, reports = add(f"tile,alignment\n{OTHER}\n{row}\n{OWN},none\n")
    assert tiles == [Tile(OTHER), Tile(OWN, "none")]
    (report,) = reports
    assert report.startswith("own.csv, line 3: ")
    assert reason in report


@pytest.mark.parametrize("text", ["", "\n", "name\nx\n", OWN, "\0\0"])
def test_a_file_without_the_column_is_reported_and_ignored(text):
    tiles, (report,) = add(text)
    assert tiles == []
    assert "expected a column 'tile'" in report


def test_a_field_beyond_all_measure_does_not_break_loading():
    """The csv module gives up on fields of more than 128 KiB."""
    tiles, reports = add(f'tile\n{OWN}\n"{"x" * 200_000}')
    assert tiles == [Tile(OWN)]
    assert len(reports) == 1
    assert "own.csv, line 2: field larger than field limit" in reports[0]
    assert "field larger" in add("x" * 200_000)[1][0]


def test_a_row_may_name_an_l2a_product():
    name = OWN.replace("L1C", "L2A")
    ((tile,), reports) = add(f"tile,alignment\n{name},none\n")
    assert (tile.key, tile.starts_at_l2a, reports) == (Tile(OWN).key, True, [])
    assert not Tile(OWN).starts_at_l2a


TILES = {tile.key: tile for tile in (Tile(OWN), Tile(OTHER), TRACKED)}


@pytest.mark.parametrize(
    "name",
    ["T31UGQ_20180416T105029", OTHER, f"{OTHER}.SAFE", "T31UGQ", "31UGQ", "20180416"],
)
def test_a_tile_is_found_by_key_product_name_or_part(name):
    assert find_tile(name, TILES) == Tile(OTHER)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("2018", "2018 names 2 tiles: T30TVK_20180805T110621, T31UGQ_20180416T105029"),
        ("T31UGQ_20180416T105028", "did you mean T31UGQ_20180416T105029"),
        ("Ｔ31UGQ_20180416T105029", "unknown tile"),
        ("T31UGP", r"did you mean T31UGQ_20180416T105029\?"),
        ("", "unknown tile"),
    ],
)
def test_what_names_no_tile_or_several_is_refused(name, says):
    with pytest.raises(InvalidInput, match=says):
        find_tile(name, TILES)
