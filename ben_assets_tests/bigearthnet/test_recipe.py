"""Recipes: typed values, and every error by key and line."""

from __future__ import annotations

import hashlib

import pytest

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.legend import built_in_legend, built_in_legends, read_legend
from ben_assets.bigearthnet.recipe import FOLDER, load_recipe, parse_recipe
from ben_assets.bigearthnet.value_scale import ValueScale

HEADER = "code,name,label,red,green,blue\n"


def test_the_default_states_the_rules_of_bigearthnet_v2():
    recipe = load_recipe("bigearthnet-v2")
    content = (FOLDER / "bigearthnet-v2.toml").read_bytes()
    assert recipe.sha256 == hashlib.sha256(content).hexdigest()
    assert (recipe.name, recipe.value_scale) == ("bigearthnet-v2", "bigearthnet")
    assert (recipe.max_unlabelled, recipe.countries.column) == (0.25, "NAME_LONG")
    cover = recipe.land_cover
    assert (cover.path, cover.year, cover.legend.name) == (None, 2018, "clc2018")
    assert not cover.is_raster
    assert cover.title == "CORINE 2018"


def test_what_a_recipe_leaves_out_is_as_in_the_default(tmp_path):
    empty = parse_recipe(b"", tmp_path / "mine.toml")
    default = load_recipe("bigearthnet-v2")
    assert (empty.name, empty.max_unlabelled) == ("mine", default.max_unlabelled)
    assert empty.value_scale is default.value_scale
    assert empty.land_cover.legend == default.land_cover.legend
    assert empty.countries == default.countries
    assert empty.sha256 != default.sha256


def test_relative_paths_count_from_the_file(tmp_path):
    text = b"""
value_scale = "as_delivered"
[land_cover]
path = "maps"
legend = "worldcover"
year = 2021
[countries]
path = "regions.gpkg"
column = "region"
"""
    recipe = parse_recipe(text, tmp_path / "mine.toml")
    assert recipe.value_scale is ValueScale.AS_DELIVERED
    assert recipe.land_cover.path == tmp_path / "maps"
    assert recipe.land_cover.is_raster
    assert recipe.countries.path == tmp_path / "regions.gpkg"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('value_scale = "bright"', r"line 1, key value_scale: .*found 'bright'"),
        ("\n[labels]\nmax_unlabelled = 2", r"line 3, key labels.max_unlabelled: .*2"),
        (
            "[land_cover]\nyaer = 2018",
            r"line 2, key land_cover.yaer: .*land_cover.year",
        ),
        ("[land_cover]\nyear = '2018'", r"line 2, key land_cover.year: .*found '2018'"),
        ("labels = 3", r"line 1, key labels: .*found 3"),
        ("\na = = 2", r"not a TOML file: .*line 2"),
        (
            '[land_cover]\nlegend = "corine"',
            r"line 2, key land_cover.legend: .*clc2018",
        ),
        (
            '[land_cover]\npath = "a.tif"',
            r"line 2, .*needs land_cover.legend and .*year",
        ),
        (
            '[land_cover]\npath = "a.gpkg"\nlegend = "clc2018"\nyear = 2018',
            r"line 2, .*needs land_cover.code_column",
        ),
    ],
)
def test_an_error_names_key_and_line(text, says, tmp_path):
    with pytest.raises(InvalidInput, match=rf"^{tmp_path}/mine.toml.*{says}"):
        parse_recipe(text.encode(), tmp_path / "mine.toml")


def test_all_errors_are_named_at_once(tmp_path):
    text = b'value_scale = "x"\n[land_cover]\nyear = 1\n[countries]\ncolumn = ""\n'
    with pytest.raises(InvalidInput, match=r"value_scale.*land_cover.year.*column"):
        parse_recipe(text, tmp_path / "mine.toml")


def test_an_unknown_recipe_says_which_there_are():
    with pytest.raises(MissingInput, match=r"recipe bigearthnet: .*bigearthnet-v2"):
        load_recipe("bigearthnet")


def test_the_digest_covers_a_legend_of_the_users_own(tmp_path):
    text = b'[land_cover]\npath = "a.tif"\nlegend = "mine.csv"\nyear = 2020\n'
    legend = tmp_path / "mine.csv"
    legend.write_text(HEADER + "1,Forest,Forest,0,9,0\n")
    before = parse_recipe(text, tmp_path / "mine.toml")
    legend.write_text(HEADER + "1,Forest,Wood,0,9,0\n")
    after = parse_recipe(text, tmp_path / "mine.toml")
    assert before.land_cover.legend.labels == ("Forest",)
    assert after.sha256 != before.sha256


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("0,A,A,0,0,0\n", "line 2: expected code .* 1 to 65535, found 0"),
        ("999,A,A,0,0,0\n", "line 2: code 999 stands for"),
        ("1,A,A,0,0,0\n1,B,B,0,0,0\n", "line 3: code 1 stands twice"),
        ("1,A,A,0,0,256\n", "line 2: expected blue .* 0 to 255, found 256"),
        ("1,,A,0,0,0\n", "line 2: expected a name"),
        ("", "at least one class"),
    ],
)
def test_a_wrong_legend_is_refused_by_line(rows, says, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + rows)
    with pytest.raises(InvalidInput, match=says):
        read_legend(path)


def test_a_legend_with_other_columns_is_refused(tmp_path):
    """Even where all that is needed is there: a newer format may mean more."""
    path = tmp_path / "mine.csv"
    more = HEADER.strip() + ",parent\n1,Forest,Forest,0,9,0,\n"
    path.write_text(more)
    with pytest.raises(InvalidInput, match="line 1: expected the columns code"):
        read_legend(path)


def test_built_in_legends_hold_the_official_codes():
    codes = {name: tuple(built_in_legend(name).classes) for name in built_in_legends()}
    assert len(codes["clc2018"]) == 44
    assert codes["clc2018_raster"] == tuple(range(1, 45))
    assert codes["worldcover"] == (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)
    assert codes["clcplus_backbone"] == (*range(1, 12), 253, 254)
    vector, raster = built_in_legend("clc2018"), built_in_legend("clc2018_raster")
    assert list(vector.classes.values()) == list(raster.classes.values())


def test_an_empty_label_counts_as_unlabelled():
    legend = built_in_legend("clcplus_backbone")
    assert legend.labels_of({1: 76, 254: 24}, 0.25) == ["Sealed"]
    assert legend.labels_of({1: 75, 254: 25}, 0.25) is None
    assert legend.labels_of({1: 75, 999: 25}, 0.25) is None
    assert legend.labels_of({1: 75, 254: 25}, 0.3) == ["Sealed"]
