"""Names and fields of others cannot forge a line, colour or hide one on a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
import zstandard

from ben_assets import cli
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.land_cover_vector import layer_of
from ben_assets.environment import load_env_file

HOSTILE = "x\nto repair: rm\r\x1b[2K\u202e\u2066\u200b[bold]"
"""A line of its own, an escape of a terminal, invisible marks, mark-up of a library."""
FORGED = re.compile(
    r"^to repair: rm|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u202e\u2066]", re.M
)
COLUMNS = "code,name,label,red,green,blue"
Ben = Callable[..., str]


@pytest.fixture
def ben(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Ben:
    """Runs a command here; what it said on both streams."""
    monkeypatch.setenv("BEN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str, **settings: str) -> str:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["ben", *words])
        with contextlib.suppress(SystemExit):
            cli.main()
        return "".join(capfd.readouterr())

    return run


def require_plain(said: str) -> None:
    assert "to repair: rm" in said  # it is shown, but as what it is
    assert FORGED.search(said) is None, FORGED.search(said)


def test_files_of_an_extracted_release(ben, tmp_path):
    (tmp_path / "release").mkdir()
    manifest = tmp_path / "MANIFEST.csv.zst"
    listed = f'path,bytes,sha256\n"{HOSTILE}",1,{"0" * 64}\n'
    manifest.write_bytes(zstandard.compress(listed.encode()))
    require_plain(
        ben("verify-release", str(tmp_path / "release"), "--manifest", str(manifest))
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_names_in_a_list_of_digests(ben, tmp_path, as_json):
    name = HOSTILE.replace("\n", "\r")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n", newline="")
    words = ["--json"] if as_json else []
    said = ben("inputs", "verify", str(tmp_path), *words)
    require_plain(said)


def test_a_raster_that_is_none(ben, tmp_path):
    folder = tmp_path / HOSTILE
    folder.mkdir()
    (folder / "a.zip").write_bytes(b"none")
    out = str(tmp_path / "out.csv")
    require_plain(ben("hash", "l1c", str(folder), out))


def test_a_recipe_and_its_legend(ben, tmp_path):
    recipe = tmp_path / f"{HOSTILE}.toml"
    recipe.write_text("value_scale = 'as_delivered'\n")
    require_plain(ben("recipe", "check", str(recipe)))
    require_plain(ben("recipe", "show", str(recipe)))
    recipe.write_text("[land_cover]\nlegend = 'own.csv'\npath = 'a.tif'\nyear = 2018\n")
    legend = f'{COLUMNS}\n1,"{HOSTILE}",,0,0,0\n'
    (tmp_path / "own.csv").write_text(legend, newline="")
    said = ben("recipe", "check", str(recipe))
    require_plain(said)
    assert "expected a name of at most 200 visible letters" in said


def test_a_key_of_a_recipe(ben, tmp_path):
    recipe = tmp_path / "own.toml"
    recipe.write_text('[countries]\ncolumn = "x\\nto repair: rm\\u001b[2K\\u202e"\n')
    said = ben("recipe", "check", str(recipe))
    require_plain(said)
    assert "key countries.column" in said


@pytest.mark.parametrize("column", ["tile", "other"])
def test_rows_of_a_tile_list(ben, tmp_path, column, caplog):
    own = tmp_path / "tiles.csv"
    own.write_text(f'{column},alignment\n"{HOSTILE}",none\n', newline="")
    ben("tiles", BEN_TILES_CSV=str(own))
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "line " in said
    assert FORGED.search(said) is None


def test_places_that_settings_name(ben, tmp_path):
    key = "T33UUP_20170613T101031"
    place = str(tmp_path / HOSTILE)
    settings = {"BEN_L2A_DIR": place, "BEN_S1_DIR": place, "BEN_CLC_PATH": place}
    require_plain(ben("doctor", key, **settings))


def test_names_of_columns_and_layers_of_a_geopackage(ben, tmp_path):
    square = [shapely.box(0, 0, 1, 1)]
    table = gpd.GeoDataFrame({HOSTILE: ["a"]}, geometry=square, crs=3035)
    table.to_file(tmp_path / "a.gpkg", layer="of others", driver="GPKG")
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        "[land_cover]\nlegend = 'own.csv'\npath = 'a.gpkg'\nyear = 2018\n"
        "code_column = 'code'\n"
    )
    (tmp_path / "own.csv").write_text(f"{COLUMNS}\n1,wood,,0,0,0\n")
    require_plain(ben("recipe", "check", str(recipe)))


def test_a_name_that_is_not_utf_8_is_named_and_escaped(tmp_path):
    path = tmp_path / "a\udcff"
    path.write_bytes(b"x")
    with pytest.raises(InvalidInput, match=r"a\\udcff: expected a name in UTF-8"):
        layer_of(path, None)


def test_a_setting_that_is_not_utf_8_is_refused(ben):
    said = ben("tiles", BEN_DATA_DIR="/tmp/a\udcff")
    assert "ben: [bad input] BEN_DATA_DIR is '/tmp/a\\udcff'" in said


@pytest.mark.parametrize("kind", ["fifo", "damaged", "table"])
def test_an_area_that_is_none(ben, tmp_path, kind):
    path = tmp_path / f"{HOSTILE.replace('/', '')}.csv"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_text({"damaged": "{", "table": "a,b\n1,2\n"}[kind])
    days = ("--from", "2023-06-01", "--to", "2023-06-30")
    said = ben("tiles", "find", "--geojson", str(path), *days)
    require_plain(said)
    assert "ben: [bad input]" in said


@pytest.mark.parametrize("content", [b"CDSE_PASSWORD=Zq\xfc7", b"A\0=1"])
def test_an_env_file_that_is_no_text(ben, tmp_path, monkeypatch, content):
    monkeypatch.setattr("ben_assets.environment.REPOSITORY", tmp_path)
    (tmp_path / ".env").write_bytes(content)
    said = ben("tiles")
    assert re.fullmatch(r"ben: \[bad input\] \S+/\.env: expected .* UTF-8.*\n", said)


def test_an_env_file_that_is_a_pipe_is_read_once(tmp_path, monkeypatch):
    """A program that keeps secrets writes them once."""
    monkeypatch.setattr("ben_assets.environment.REPOSITORY", tmp_path)
    monkeypatch.setenv("BEN_RECIPE", "one")
    os.mkfifo(tmp_path / ".env")
    line = "BEN_RECIPE=another\n"
    with ThreadPoolExecutor() as pool:
        pool.submit((tmp_path / ".env").write_text, line)
        (said,) = load_env_file()
    assert said.endswith("wins over the environment for BEN_RECIPE")
    assert os.environ["BEN_RECIPE"] == "another"
