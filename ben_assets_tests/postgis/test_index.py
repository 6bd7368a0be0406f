"""The index of a release, searched as docs/training.md shows, by three programs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import duckdb
import pytest
from psycopg2.extensions import parse_dsn

from ben_assets_tests.postgis.database import Database
from ben_assets_tests.support.pipeline import Pipeline
from resources.settings import REPOSITORY

pytestmark = pytest.mark.real_server

IN_THE_DATA = {"213": "211", "-8.0": "-4.0", "39.5": "41.0"}
"""Class and place of the page to those that the synthetic data set has."""


def section_of_the_page() -> str:
    text = (REPOSITORY / "docs/training.md").read_text()
    return text.split("## Find patches\n")[1].partition("\n## ")[0]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def load(database: Database, folder: Path, commands: str) -> None:
    """Run the commands of the page."""
    dsn = parse_dsn(database.dsn)
    environment = {
        **os.environ,
        **{"PGHOST": dsn["host"], "PGPORT": dsn["port"], "PGUSER": dsn["user"]},
        **{"PGPASSWORD": dsn["password"], "PGDATABASE": dsn["dbname"]},
    }
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_three_queries_of_the_page_find_the_same_patches(
    finished: Pipeline, blank: Database, monkeypatch: pytest.MonkeyPatch
):
    finished.make("release_index")
    (finished.data / "index").symlink_to(finished.storage.folder("release_index"))
    monkeypatch.chdir(finished.data)
    page = section_of_the_page()
    (commands,) = blocks("sh", page)
    exec(blocks("python", page)[1], {})
    load(blank, finished.data, commands)
    for old, new in IN_THE_DATA.items():
        assert old in page
        page = page.replace(old, new)
    of_duckdb, of_postgis = blocks("sql", page)
    of_geopandas = blocks("python", page)[0]
    names: dict[str, object] = {}
    exec(of_geopandas, names)
    found = {row[0] for row in duckdb.sql(of_duckdb).fetchall()}
    assert {patch for (patch,) in blank.query(of_postgis)} == found
    assert set(names["found"]["patch_id"]) == found
    portuguese = blank.query("SELECT FROM patch_index WHERE country = 'Portugal'")
    assert 0 < len(found) < len(portuguese)
