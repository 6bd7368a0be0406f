"""Each cross-check agrees with what our rules made, and finds what is corrupt."""

from __future__ import annotations

import pytest

from ben_assets.steps.postgis import (
    publish_clc2018,
    publish_countries,
    publish_patches,
    publish_v1_footprints,
)
from ben_assets_tests.support.pipeline import Pipeline
from resources.postgis.crosschecks import RULES, Comparison, cross_check
from resources.postgis.database import Postgis

pytestmark = pytest.mark.real_server

CELLS = 25


def publish_all(publisher: Pipeline) -> None:
    for load in (publish_clc2018, publish_countries, publish_v1_footprints):
        load(publisher.ctx())
    for key in publisher.keys:
        publish_patches(publisher.tile(key), publisher.ctx())


def checked(publisher: Pipeline, rule: str, key: str) -> Comparison:
    return cross_check(Postgis(publisher.settings["BEN_POSTGIS_DSN"]), rule, key)


def test_all_rules_agree_for_all_cells_of_the_small_data_set(publisher, database):
    publish_all(publisher)
    found = {
        (rule, key): checked(publisher, rule, key)
        for rule in RULES
        for key in publisher.keys
    }
    assert {k: c.differing for k, c in found.items()} == {key: [] for key in found}
    assert {c.outcome for c in found.values()} == {f"all {CELLS} cells agree"}


CORRUPTED = {
    "splits": (
        "UPDATE patches SET split = 'train' WHERE x = 2 AND y = 2",
        [(2, 2, "test", "train")],
    ),
    "countries": (
        "UPDATE patches SET country = 'Finland' WHERE x = 0 AND y = 3",
        [(0, 3, "Austria", "Finland")],
    ),
    "seasons": (
        "UPDATE patches SET season = 'winter' WHERE x = 4",
        [(4, y, "summer", "winter") for y in range(5)],
    ),
}


@pytest.mark.parametrize("rule", CORRUPTED)
def test_a_wrong_value_is_listed_with_what_was_expected(publisher, database, rule):
    publish_all(publisher)
    sql, expected = CORRUPTED[rule]
    database.query(sql)
    found = checked(publisher, rule, publisher.keys[0])
    tile = publisher.storage.require("patches", publisher.keys[0]).facts.tile_id
    assert found.differing == [
        (f"{tile}_{x:02}_{y:02}", wanted, there) for x, y, wanted, there in expected
    ]
    assert found.outcome == f"{len(expected)} of {CELLS} cells disagree"


def test_lost_invented_and_repeated_v1_patches_are_found(publisher, database):
    publish_all(publisher)
    key = publisher.keys[0]
    (lost, lost_name), (taken, name) = database.query(
        "SELECT patch_id, s2v1_name FROM patches WHERE tile = %s "
        "AND s2v1_name IS NOT NULL ORDER BY patch_id LIMIT 2",
        key,
    )
    ((alone,),) = database.query(
        "SELECT patch_id FROM patches WHERE tile = %s AND s2v1_name IS NULL "
        "ORDER BY patch_id LIMIT 1",
        key,
    )
    database.query("UPDATE patches SET s2v1_name = NULL WHERE patch_id = %s", lost)
    database.query("UPDATE patches SET s2v1_name = %s WHERE patch_id = %s", name, alone)
    assert sorted(checked(publisher, "v1_alignment", key).differing, key=str) == sorted(
        [
            (lost, lost_name, None),
            (alone, None, name),
            (alone, "a v1 patch of its own", f"{name}, as {taken}"),
            (taken, "a v1 patch of its own", f"{name}, as {alone}"),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    ("sql", "differing"),
    [
        ("SET geom_utm = ST_Translate(geom_utm, 0, 10)", 1 + 1),
        ("SET geom_utm = ST_Reverse(geom_utm)", 0),
        ("SET geom_utm = ST_SetSRID(geom_utm, 32631)", 1),
        ("SET geom = ST_Translate(geom, 1e-7, 0)", 1),
    ],
    ids=["moved onto its neighbour", "other ring order", "other zone", "1 cm in 4326"],
)
def test_a_wrong_square_is_found(publisher, database, sql, differing):
    """Moved north by 10 m, the square in the corner meets the next."""
    publish_all(publisher)
    key = publisher.keys[0]
    database.query(f"UPDATE patches {sql} WHERE tile = %s AND x = 0 AND y = 4", key)
    found = checked(publisher, "grid", key).differing
    assert len(found) == differing, found


def test_a_lost_cell_is_found(publisher, database):
    publish_all(publisher)
    key = publisher.keys[0]
    database.query("DELETE FROM patches WHERE tile = %s AND x = 1 AND y = 1", key)
    assert checked(publisher, "grid", key).differing == [(key, "25 cells", "24 cells")]


def test_lost_and_invented_labels_are_found(publisher, database):
    publish_all(publisher)
    key = publisher.keys[0]
    (patch, label), *_ = database.query(
        "SELECT patch_id, min(label) FROM labels JOIN patches USING (patch_id) "
        "WHERE tile = %s GROUP BY patch_id HAVING count(*) > 1 ORDER BY patch_id",
        key,
    )
    database.query(
        "DELETE FROM labels WHERE patch_id = %s AND label = %s", patch, label
    )
    ((found, expected, there),) = checked(publisher, "labels", key).differing
    assert found == patch
    assert set(expected.split("; ")) - set(there.split("; ")) == {label}
    database.query("INSERT INTO labels VALUES (%s, %s)", patch, label)
    database.query("INSERT INTO labels VALUES (%s, 'Marine waters')", patch)
    ((found, expected, there),) = checked(publisher, "labels", key).differing
    assert set(there.split("; ")) - set(expected.split("; ")) == {"Marine waters"}


def test_overlapping_polygons_are_told_apart_by_id_as_text(publisher, database):
    """A polygon over a whole patch wins or loses by its id: 'A' < 'EU_1' < 'Z'."""
    publish_all(publisher)
    key = publisher.keys[0]
    ((patch,),) = database.query(
        "SELECT min(patch_id) FROM labels JOIN patches USING (patch_id) "
        "WHERE tile = %s AND label <> 'Marine waters'",
        key,
    )
    add = (
        "INSERT INTO clc2018 SELECT 1000000, %s, '523', NULL, NULL, "
        "ST_Multi(ST_Transform(ST_Expand(geom_utm, -10), 3035)) "
        "FROM patches WHERE patch_id = %s"
    )
    database.query(add, "Z", patch)
    assert checked(publisher, "labels", key).differing == []
    database.query("UPDATE clc2018 SET id = 'A' WHERE id = 'Z'")
    ((found, expected, _),) = checked(publisher, "labels", key).differing
    assert found == patch
    assert "Marine waters" in expected


def test_a_polygon_that_crosses_itself_does_not_stop_the_check(publisher, database):
    publish_all(publisher)
    key = publisher.keys[0]
    corners = "ST_XMin(s) AS w, ST_YMin(s) AS b, ST_XMax(s) AS e, ST_YMax(s) AS t"
    database.query(
        f"""
        INSERT INTO clc2018
        SELECT 1000001, 'Z', '523', NULL, NULL, ST_Multi(ST_Transform(bow, 3035))
        FROM (SELECT geom_utm AS s FROM patches
              WHERE tile = %s AND s2_path IS NOT NULL LIMIT 1) AS square,
        LATERAL (SELECT {corners}) AS at,
        LATERAL (SELECT ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY[
            ST_MakePoint(w, b), ST_MakePoint(e, t), ST_MakePoint(e, b),
            ST_MakePoint(w, t), ST_MakePoint(w, b)])), ST_SRID(s)) AS bow) AS tie
        """,
        key,
    )
    assert checked(publisher, "labels", key).differing == []


def test_without_inputs_a_check_names_the_asset_to_materialize(publisher, database):
    publish_patches(publisher.tile(publisher.keys[0]), publisher.ctx())
    lacking = {
        rule: checked(publisher, rule, publisher.keys[0]).lacking for rule in RULES
    }
    assert lacking == {
        "splits": [],
        "countries": ["postgis_countries"],
        "seasons": [],
        "v1_alignment": ["postgis_v1_footprints"],
        "grid": [],
        "labels": ["postgis_clc2018"],
    }


def test_a_tile_that_is_not_published_is_asked_for(publisher):
    found = checked(publisher, "grid", publisher.keys[0])
    assert found.outcome == "nothing to compare with: materialize postgis_patches"


def test_a_reader_may_check(publisher, database):
    publish_all(publisher)
    publisher.settings["BEN_POSTGIS_DSN"] = database.as_role(
        "reader", "bigearthnet_reader"
    )
    for rule in RULES:
        assert checked(publisher, rule, publisher.keys[1]).differing == []
