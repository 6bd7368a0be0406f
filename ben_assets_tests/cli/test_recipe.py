from __future__ import annotations

import json
import os

import geopandas as gpd
import pytest
import shapely
from typer.testing import CliRunner

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.cli import app


def test_check_names_the_digest_of_a_sound_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[labels]\nmax_unlabelled = 0.5\n")
    result = CliRunner().invoke(app, ["recipe", "check", str(path)])
    assert result.exit_code == 0
    assert "mine.toml: a recipe, sha256 " in result.output


def test_check_names_files_that_are_missing(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[countries]\npath = "regions.gpkg"\n')
    result = CliRunner().invoke(app, ["recipe", "check", str(path)])
    assert result.exit_code == 1
    assert "countries.path: " in result.stderr
    result = CliRunner().invoke(app, ["recipe", "check", "--json", str(path)])
    assert (result.exit_code, result.stderr) == (1, "")
    said = json.loads(result.stdout)
    assert (said["recipe"], len(said["sha256"])) == (str(path), 64)
    assert [problem.partition(":")[0] for problem in said["problems"]] == [
        "countries.path"
    ]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            '[countries]\npath = "regions.gpkg"\ncolumn = "County"\n',
            "expected the column County, found county (did you mean county?); correct "
            "countries.column",
        ),
        (
            '[land_cover]\npath = "regions.gpkg"\nlegend = "worldcover"\nyear = 2021\n'
            'code_column = "code"\n',
            "expected the column code, found county; correct land_cover.code_column",
        ),
        (
            '[land_cover]\npath = "empty"\nlegend = "worldcover"\nyear = 2021\n',
            "to be a raster or a folder of rasters",
        ),
    ],
)
def test_check_looks_into_the_files(tmp_path, monkeypatch, keys, said):
    regions = gpd.GeoDataFrame({"county": ["A"]}, geometry=[shapely.box(36, -4, 38, 0)])
    regions.set_crs(4326).to_file(tmp_path / "regions.gpkg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine.toml").write_text(keys)
    monkeypatch.setenv("BEN_RECIPE", str(tmp_path / "mine.toml"))
    result = CliRunner().invoke(app, ["recipe", "check"])
    assert result.exit_code == 1
    assert said in result.stderr


def test_check_refuses_by_key_and_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[labels]\nmax_unlabelled = 0\n")
    with pytest.raises(InvalidInput, match=r"line 2, key labels.max_unlabelled"):
        CliRunner().invoke(app, ["recipe", "check", str(path)], catch_exceptions=False)


DEEP = "value_scale = " + "[" * 5000 + "]" * 5000
LEGEND = 'land_cover = { legend = "mine.csv", year = 2018, path = "a.tif" }'


@pytest.mark.parametrize(
    ("recipe", "legend", "says"),
    [
        (None, "", r"cannot be read \(expected a file, found a FIFO\)"),
        (DEEP, "", r"not a recipe: nested too deeply"),
        ("#" * 40_000, "", r"expected at most 32768 bytes, found 40000"),
        (LEGEND, None, r"mine.csv cannot be read \(expected a file, found a FIFO\)"),
        (LEGEND, f"1,{'x' * 200_000},a,0,0,0", r"not a CSV: field larger than"),
        (LEGEND, '1,"x', r"line 1: not a CSV: unexpected end of data"),
        (LEGEND, "1,a\0b,a,0,0,0", r"a name of at most 200 visible letters"),
        (LEGEND.replace("mine", "~nobody-here/x"), "", r"no such user; write it out"),
        (LEGEND.replace("a.tif", "~nobody-here/x"), "", r"no such user; write it out"),
        (LEGEND.replace("a.tif", "\\u0000"), "", r"land_cover.path: .*visible letters"),
        (LEGEND.replace("a.tif", "x" * 300), "", r"land_cover.path is too long"),
    ],
)
def test_odd_files_and_paths_are_named(recipe, legend, says, tmp_path):
    header = "code,name,label,red,green,blue\n"
    for name, text in (
        ("mine.toml", recipe),
        ("mine.csv", None if legend is None else header + (legend or "1,a,a,0,0,0")),
    ):
        path = tmp_path / name
        os.mkfifo(path) if text is None else path.write_text(text)
    command = ["recipe", "check", str(tmp_path / "mine.toml")]
    with pytest.raises((InvalidInput, MissingInput), match=says):
        CliRunner().invoke(app, command, catch_exceptions=False)


@pytest.mark.parametrize("name", ["BEN_DATA_DIR", "BEN_TILES_CSV", "BEN_RECIPE"])
@pytest.mark.parametrize(
    ("value", "says"),
    [("~nobody-here/x.toml", r" is .*: no such user"), ("x/" * 5000, r" is too long:")],
)
def test_settings_that_are_no_path_are_named(name, value, says, monkeypatch):
    monkeypatch.setenv(name, value)
    command = ["recipe", "show"] if name == "BEN_RECIPE" else ["tiles"]
    with pytest.raises(InvalidInput, match=name + says):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_show_takes_the_recipe_of_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text('value_scale = "as_delivered"\n')
    monkeypatch.setenv("BEN_RECIPE", str(path))
    result = CliRunner().invoke(app, ["recipe", "show"])
    assert result.exit_code == 0
    assert "as_delivered" in result.output
    assert "clc2018, 44 codes, 19 labels" in result.output
