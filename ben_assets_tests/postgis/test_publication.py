from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from ben_assets.bigearthnet.checksums import file_digest, hash_list_digest
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.steps.postgis import publish_patches
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.removal import remove_tile
from resources.settings import REPOSITORY

pytestmark = pytest.mark.real_server

CELLS = 25  # of a tile of the small synthetic data set


def publish(publisher: Pipeline, key: str) -> dict[str, int]:
    return publish_patches(publisher.tile(key), publisher.ctx()).rows


def test_a_tile_is_published_with_all_its_cells_labels_and_counts(publisher, database):
    key = publisher.keys[0]
    rows = publish(publisher, key)
    assert rows["patches"] == CELLS
    for table, count in rows.items():
        assert database.count(table) == count > 0
    record = publisher.storage.require("patches", key)
    assert database.query(
        "SELECT tile, tile_id, epsg, ulx, uly, side_m, season, start_time, "
        "has_metadata, made_from ->> 'patches' FROM tiles"
    ) == [
        (
            key,
            record.facts.tile_id,
            record.facts.epsg,
            record.facts.ulx,
            record.facts.uly,
            record.facts.side_m,
            "summer",
            datetime(2018, 7, 18, 10, 10, 31, 26_000, tzinfo=UTC),
            True,
            record.sha256,
        )
    ]


def test_the_rows_are_those_of_the_tables_on_disk(publisher, database):
    key = publisher.keys[0]
    publish(publisher, key)
    cells = gpd.read_parquet(publisher.storage.table_path("patches", key))
    known = pd.read_parquet(publisher.storage.table_path("metadata_tables", key))
    found = database.query(
        "SELECT patch_id, x, y, p.valid, p.split, p.country, p.s2v1_name, p.s1_name, "
        "p.contains_seasonal_snow, p.contains_cloud_or_shadow, p.kept, l.labels, "
        "ST_AsText(p.geom_utm), ST_SRID(p.geom_utm) "
        "FROM patches p JOIN patches_with_labels l USING (patch_id) ORDER BY patch_id"
    )
    both = cells[["patch_id", "x", "y", "geometry"]].merge(known, on="patch_id")
    both = both.astype(object).where(both.notna(), None)
    assert found == [
        (
            row.patch_id,
            row.x,
            row.y,
            row.valid,
            row.split,
            row.country,
            row.s2v1_name,
            row.s1_name,
            row.contains_seasonal_snow,
            row.contains_cloud_or_shadow,
            row.kept,
            None if row.labels is None else "; ".join(row.labels),
            row.geometry.wkt.replace("POLYGON (", "POLYGON(").replace(", ", ","),
            cells.crs.to_epsg(),
        )
        for row in both.sort_values("patch_id").itertuples()
    ]


def test_paths_lead_to_the_files_and_digests_are_theirs(publisher, database):
    key = publisher.keys[0]
    publish(publisher, key)
    root = Path(publisher.settings["BEN_DATA_DIR"])
    rows = database.query(
        "SELECT patch_id, s2_path, s2_sha256, reference_map_path, "
        "reference_map_sha256, s1_path, kept FROM patches"
    )
    assert {bool(row[1]) for row in rows} == {True, False}
    for patch, images, images_sha256, chart, chart_sha256, radar, kept in rows:
        if images:
            files = {p.stem: file_digest(p) for p in (root / images).glob("*.tif")}
            assert len(files) == 12, patch
            assert hash_list_digest(files) == images_sha256
        if chart:
            assert file_digest(root / chart) == chart_sha256
        assert bool(radar) == bool(kept)
        if radar:
            assert len(list((root / radar).glob("*.tif"))) == 2


def test_publishing_again_changes_nothing(publisher, database):
    publish(publisher, publisher.keys[0])
    publish(publisher, publisher.keys[1])
    before = database.everything()
    publish(publisher, publisher.keys[0])
    assert database.everything() == before


def test_a_tile_that_was_made_anew_replaces_its_rows(publisher, database):
    """Here it is published without v1 before, then as it is on disk."""
    key = publisher.keys[0]
    publish(publisher, key)
    expected = database.everything()
    database.query("UPDATE patches SET split = 'other', s2v1_name = NULL")
    database.query("DELETE FROM labels")
    publish(publisher, key)
    assert database.everything() == expected


def test_a_tile_without_matching_v1_patches_has_none_in_the_database(
    publisher, database
):
    key = publisher.keys[2]
    publish(publisher, key)
    assert database.query("SELECT alignment FROM tiles") == [("none",)]
    assert database.query("SELECT count(s2v1_name), count(s1_path) FROM patches") == [
        (0, 0)
    ]
    assert database.count("labels") > 0


def test_without_metadata_the_tile_is_published_and_says_so(publisher, database):
    key = publisher.keys[0]
    remove_tile(publisher.storage, "metadata_tables", key)
    publish(publisher, key)
    assert database.query("SELECT has_metadata FROM tiles") == [(False,)]
    assert database.count("patches") == CELLS
    assert database.count("pixel_counts") > 0
    assert database.count("labels") == 0
    assert any("stay null" in line for line in publisher.log)


def test_metadata_of_other_maps_are_refused(publisher, database):
    key = publisher.keys[0]
    publisher.settings["BEN_CLC_PATH"] = str(one_polygon_less(publisher))
    publisher.make("reference_maps", key)
    with pytest.raises(InvalidInput, match="materialize metadata_tables again"):
        publish(publisher, key)
    assert database.count("tiles") == 0


def one_polygon_less(publisher: Pipeline) -> Path:
    path = publisher.root / "other.gpkg"
    folder = Path(publisher.settings["BEN_REFERENCE_DIR"])
    table = gpd.read_file(folder / "U2018_CLC2018_V2020_20u1.gpkg")
    table.iloc[len(table) // 8 :].to_file(path, layer="U2018_CLC2018_V2020_20u1")
    return path


def test_a_tile_that_is_not_on_disk_is_not_published(publisher, database):
    remove_tile(publisher.storage, "reference_maps", publisher.keys[0])
    with pytest.raises(MissingInput, match="materialize reference_maps"):
        publish(publisher, publisher.keys[0])
    assert database.count("tiles") == 0


def test_without_a_dsn_the_step_says_what_is_missing(finished):
    with pytest.raises(InvalidInput, match="BEN_POSTGIS_DSN is not set"):
        publish(finished, finished.keys[0])


def test_patches_of_two_tiles_overlap_where_they_do(publisher, database):
    """The same tile a second time, as another satellite's, 600 m to the east."""
    publish(publisher, publisher.keys[0])
    database.query(
        """
        INSERT INTO tiles SELECT 'other', 'other', start_time, season, alignment,
            l2a_processor, failed_quality_checks, false, epsg, ulx + 600, uly, side_m,
            made_from, published_at, geom FROM tiles;
        INSERT INTO patches SELECT 'other' || x || '_' || y, 'other', x, y, valid, kept,
            season, split, country, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, moved, ST_Transform(moved, 4326)
        FROM patches, LATERAL (SELECT ST_Translate(geom_utm, 600, 0) AS moved) AS m
        """
    )
    shares = database.query("SELECT share, patch_1, patch_2 FROM overlapping_patches")
    # in each of 5 rows: 5 halves to the east, 4 to the west; each half of both areas
    assert len(shares) == 45
    assert [round(share, 3) for share, _, _ in shares] == [0.25] * 45
    database.query("UPDATE patches SET season = 'winter' WHERE tile = 'other'")
    assert database.count("overlapping_patches") == 0


def test_an_own_tile_can_be_published_without_v1(publisher, database):
    tile = replace(publisher.tile(publisher.keys[0]), alignment="none")
    publish_patches(tile, publisher.ctx())
    assert database.query("SELECT alignment FROM tiles") == [("none",)]


def test_the_queries_of_the_page_run(database):
    """On an empty schema: what they name is there; their answers are of world A."""
    text = (REPOSITORY / "docs/postgis.md").read_text()
    queries = re.findall(r"```sql\n(SELECT.*?)```", text, re.DOTALL)
    assert len(queries) == 4
    for query in queries:
        database.query(query)
