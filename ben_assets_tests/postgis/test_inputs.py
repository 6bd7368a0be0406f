from __future__ import annotations

import hashlib
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.reference_map import LAYER
from ben_assets.steps.postgis import (
    publish_clc2018,
    publish_countries,
    publish_v1_footprints,
)
from ben_assets_tests.support.pipeline import Pipeline
from resources.data_root.records import StoredRecord
from resources.inputs.reference_digests import ReferenceDigests
from resources.postgis import inputs
from resources.settings import Settings

pytestmark = pytest.mark.real_server

GEOPACKAGE = f"{LAYER}.gpkg"


def corine(publisher: Pipeline) -> gpd.GeoDataFrame:
    return gpd.read_file(Path(publisher.settings["BEN_REFERENCE_DIR"]) / GEOPACKAGE)


def test_corine_is_loaded_to_the_last_bit(publisher, database, monkeypatch):
    monkeypatch.setattr(inputs, "_BATCH_ROWS", 7)  # several batches
    done = publish_clc2018(publisher.ctx())
    file = corine(publisher)
    assert done.rows == {"clc2018": len(file)}
    rows = database.query(
        "SELECT code_18, id, area_ha, ST_SRID(geom), ST_AsBinary(geom) FROM clc2018 "
        "ORDER BY fid"
    )
    assert [row[:4] for row in rows] == [
        (row.Code_18, row.ID, row.Area_Ha, 3035) for row in file.itertuples()
    ]
    assert [bytes(row[4]) for row in rows] == list(shapely.to_wkb(file.geometry))


def test_the_digest_of_a_loaded_file_is_kept_beside_it(publisher, database):
    publish_clc2018(publisher.ctx())
    path = Path(publisher.settings["BEN_REFERENCE_DIR"]) / GEOPACKAGE
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert database.query("SELECT file, table_name, sha256 FROM inputs") == [
        (GEOPACKAGE, "clc2018", digest)
    ]


def test_loading_again_replaces(publisher, database):
    first = publish_clc2018(publisher.ctx())
    other = publisher.root / "other.gpkg"
    corine(publisher).iloc[:5].to_file(other, layer=LAYER)
    publisher.settings["BEN_CLC_PATH"] = str(other)
    assert publish_clc2018(publisher.ctx()).rows == {"clc2018": 5}
    assert database.count("clc2018") == 5
    assert [f for (f,) in database.query("SELECT file FROM inputs")] == ["other.gpkg"]
    del publisher.settings["BEN_CLC_PATH"]
    assert publish_clc2018(publisher.ctx()) == first


@pytest.mark.parametrize("n_polygons", [0, None], ids=["none", "all"])
def test_reference_maps_from_postgis_are_the_same_bytes(
    publisher, database, n_polygons
):
    if n_polygons is not None:
        few = publisher.root / GEOPACKAGE
        corine(publisher).iloc[:n_polygons].to_file(
            few, layer=LAYER, geometry_type="MultiPolygon"
        )
        publisher.settings["BEN_CLC_PATH"] = str(few)
        publisher.make("reference_maps", publisher.keys[0])
    from_file = publisher.tree()
    publish_clc2018(publisher.ctx())
    publisher.settings["BEN_CLC_PATH"] = "postgis"
    publisher.own_inputs("reference").joinpath(GEOPACKAGE).unlink()
    for key in publisher.keys if n_polygons is None else publisher.keys[:1]:
        publisher.make("reference_maps", key)
    assert publisher.tree() == from_file


def test_a_reader_may_make_maps_with_corine_from_the_database(publisher, database):
    from_file = publisher.tree()
    publish_clc2018(publisher.ctx())
    publisher.settings["BEN_CLC_PATH"] = "postgis"
    publisher.settings["BEN_POSTGIS_DSN"] = database.as_role(
        "reader", "bigearthnet_reader"
    )
    publisher.make("reference_maps", publisher.keys[1])
    assert publisher.tree() == from_file


def test_maps_are_stale_if_other_polygons_are_loaded_not_if_the_file_changes(
    publisher,
):
    first = publish_clc2018(publisher.ctx()).made_from
    publisher.settings["BEN_CLC_PATH"] = "postgis"
    publisher.make("reference_maps", publisher.keys[0])
    record = publisher.storage.require("reference_maps", publisher.keys[0])
    few = publisher.own_inputs("reference") / GEOPACKAGE
    polygons = corine(publisher).iloc[:5]
    few.unlink()
    polygons.to_file(few, layer=LAYER)
    assert digest_now(publisher, record) == first[GEOPACKAGE]
    assert publish_clc2018(publisher.ctx()).made_from != first
    assert digest_now(publisher, record) != record.made_from[GEOPACKAGE]


def digest_now(publisher: Pipeline, record: StoredRecord) -> str | None:
    digests = ReferenceDigests(Settings(publisher.settings))
    return digests.of_record(record, GEOPACKAGE)


def test_corine_that_was_not_loaded_is_asked_for(publisher):
    publisher.settings["BEN_CLC_PATH"] = "postgis"
    with pytest.raises(MissingInput, match="materialize postgis_clc2018"):
        publisher.make("reference_maps", publisher.keys[0])


def test_clc_path_postgis_needs_a_dsn_only_where_corine_is_read(finished):
    finished.settings["BEN_CLC_PATH"] = "postgis"
    finished.make("patches", finished.keys[0])
    with pytest.raises(InvalidInput, match="BEN_POSTGIS_DSN is not set"):
        finished.make("reference_maps", finished.keys[0])


def test_a_missing_geopackage_is_named(publisher):
    publisher.settings["BEN_CLC_PATH"] = str(publisher.root / "absent.gpkg")
    with pytest.raises(MissingInput, match=r"absent\.gpkg"):
        publish_clc2018(publisher.ctx())


def test_footprints_of_all_zones_on_disk_are_loaded(publisher, database):
    folder = Path(publisher.settings["BEN_REFERENCE_DIR"])
    done = publish_v1_footprints(publisher.ctx())
    files = sorted(folder.glob("bigearthnet_v1_spatial_*.parquet"))
    tables = [gpd.read_parquet(path) for path in files]
    assert len(files) == 2
    assert done.rows == {"v1_footprints": sum(map(len, tables))}
    assert sorted(done.made_from) == [path.name for path in files]
    expected = sorted(
        (table.crs.to_epsg(), row.patch_name, row.sensing_time, row.geom.area)
        for table in tables
        for row in table.itertuples()
    )
    assert expected == database.query(
        "SELECT epsg, patch_name, sensing_time, ST_Area(geom_utm) FROM v1_footprints "
        'WHERE ST_SRID(geom_utm) = epsg ORDER BY 1, patch_name COLLATE "C"'
    )
    assert any("32636.parquet is not on disk" in line for line in publisher.log)


def test_no_footprints_at_all_is_an_error(publisher):
    folder = publisher.own_inputs("reference")
    for path in folder.glob("bigearthnet_v1_spatial_*.parquet"):
        path.unlink()
    with pytest.raises(MissingInput, match=r"bigearthnet_v1_spatial_32636\.parquet"):
        publish_v1_footprints(publisher.ctx())


def test_the_ten_countries_are_loaded(publisher, database):
    assert publish_countries(publisher.ctx()).rows == {"countries": 10}
    assert database.query(
        "SELECT name FROM countries WHERE ST_Intersects(geom, "
        "ST_SetSRID(ST_MakePoint(16.37, 48.21), 4326))"
    ) == [("Austria",)]
