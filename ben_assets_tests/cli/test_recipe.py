from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from typer.testing import CliRunner

from ben_assets.bigearthnet.errors import InvalidInput
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


def test_show_takes_the_recipe_of_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text('value_scale = "as_delivered"\n')
    monkeypatch.setenv("BEN_RECIPE", str(path))
    result = CliRunner().invoke(app, ["recipe", "show"])
    assert result.exit_code == 0
    assert "as_delivered" in result.output
    assert "clc2018, 44 codes, 19 labels" in result.output
