from __future__ import annotations

import json
import subprocess
import sys

import dagster as dg
import pytest

from ben_assets.assets import RULE_CHECKS
from ben_assets.definitions import build_definitions
from ben_assets.tiles import load_tiles
from resources.configured import DataRootResource
from resources.data_root.flow import RELEASE_ASSETS, TILE_ASSETS, upstream_of
from resources.settings import REPOSITORY, Settings

GROUP_OF_ASSET = {
    "tile_names_and_links": "inputs",
    "v1_footprints": "inputs",
    "s1s2_mapping": "inputs",
    "snow_and_cloud_lists": "inputs",
    "countries": "inputs",
    "corine_land_cover": "inputs",
    "tile_ids": "l1c",
    "l1c_zips": "l1c",
    "tile_id_csv": "l1c",
    "l1c_hash_csv": "l1c",
    "l2a_tiles": "l2a",
    "patches": "patches",
    "reference_maps": "reference_maps",
    "metadata_tables": "release",
    "aligned_dataset": "release",
    "archives": "release",
    "release_metadata": "release",
    "release_archives": "release",
    "release_report": "release",
    "training_lmdb": "training",
    "release_index": "training",
    "release_lmdb": "training",
    "release_shards": "training",
    "release_statistics": "training",
    "release_card": "training",
    "postgis_clc2018": "postgis",
    "postgis_v1_footprints": "postgis",
    "postgis_countries": "postgis",
    "postgis_patches": "postgis",
}
L2A_PRODUCT = "S2B_MSIL2A_20250628T101559_N0511_R065_T33UUU_20250628T123801"
FROM_L2A = [
    "l2a_tiles",
    "patches",
    "reference_maps",
    "metadata_tables",
    "aligned_dataset",
    "archives",
]
HEAVY = (
    *("rasterio", "geopandas", "pandas", "pyarrow", "numpy", "duckdb", "botocore"),
    *("httpx2", "scipy", "http.server", "resources.data_root.facts"),
)


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions()


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    found = definitions.resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec for spec in found}


def test_the_assets_and_their_groups_are_these(definitions):
    found = {name: spec.group_name for name, spec in specs(definitions).items()}
    assert found == GROUP_OF_ASSET


def test_every_asset_is_made_from_what_the_flow_says(definitions):
    for name, spec in specs(definitions).items():
        found = {dep.asset_key.to_user_string() for dep in spec.deps}
        assert found == set(upstream_of(name)), name


def test_every_asset_says_what_it_is(definitions):
    for name, spec in specs(definitions).items():
        assert 1 <= len(spec.kinds) <= 3, name
        assert spec.owners, name
        assert spec.code_version, name
        assert spec.tags["ben/level"], name
        assert len((spec.description or "").splitlines()[0]) > 20, name


def test_what_is_of_tiles_is_partitioned_by_tile_key_and_nothing_else(definitions):
    found = {name: spec.partitions_def for name, spec in specs(definitions).items()}
    of_tiles = {name for name, partitions in found.items() if partitions is not None}
    assert of_tiles == {*TILE_ASSETS, "postgis_patches"}
    others = found.keys() - of_tiles
    assert {
        name for name in others if GROUP_OF_ASSET[name] not in ("inputs", "postgis")
    } == set(RELEASE_ASSETS)
    for name in of_tiles:
        keys = found[name].get_partition_keys()
        assert len(keys) >= 125
        assert "T33UUP_20170613T101031" in keys


def test_the_checks_are_all_rules(definitions):
    found = definitions.resolve_asset_graph().asset_check_keys
    assert found == {dg.AssetCheckKey(c.asset.key, c.name) for c in RULE_CHECKS}


def test_the_job_from_l2a_makes_a_tile_up_to_its_archives(definitions):
    job = definitions.resolve_job_def("tile_from_l2a")
    selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert selected == set(FROM_L2A)


def test_the_job_from_l1c_asks_no_catalogue(definitions):
    job = definitions.resolve_job_def("tile_from_l1c")
    selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert selected == {"l1c_zips", *FROM_L2A}


def test_a_resource_can_be_overridden(tmp_path):
    """As tests and deployments do, in place of what the environment says."""
    own = DataRootResource(path=str(tmp_path / "own"))
    job = build_definitions(data_root=own).resolve_job_def("l1c_tables")
    result = job.execute_in_process(raise_on_error=False)
    said = [
        event.step_failure_data.error_display_string
        for event in result.get_step_failure_events()
    ]
    assert len(said) == 2
    assert all(f"no tile has a record in {tmp_path}/own/" in text for text in said)


def test_the_release_job_makes_the_release(definitions):
    job = definitions.resolve_job_def("release")
    selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert selected == {"release_metadata", "release_archives", "release_report"}


def test_the_training_job_makes_what_is_made_of_all_tiles(definitions):
    job = definitions.resolve_job_def("training")
    selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    training = {name for name, group in GROUP_OF_ASSET.items() if group == "training"}
    assert selected == training - {"training_lmdb"}


def load_definitions(environment: dict[str, str], code: str) -> str:
    """Output of a fresh process that loads the code location and runs ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", f"import ben_assets.definitions\n{code}"],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_definitions_load_with_no_secret_no_data_and_no_network(tmp_path):
    """In a process that cannot open a connection, and without heavy libraries."""
    code = "import sys, json; print(json.dumps(sorted(sys.modules)))"
    blocked = tmp_path / "sitecustomize.py"
    blocked.write_text(
        "import socket\n"
        "def refuse(*a, **k): raise AssertionError('network at load time')\n"
        "socket.socket.connect = socket.create_connection = refuse\n"
        "socket.getaddrinfo = refuse\n"
    )
    environment = {
        "PYTHONPATH": str(tmp_path),
        "BEN_DATA_DIR": str(tmp_path / "data"),
    }
    loaded = json.loads(load_definitions(environment, code))
    assert [name for name in HEAVY if name in loaded] == []
    assert not (tmp_path / "data").exists()


def test_a_bad_tile_list_does_not_break_loading(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text('tile\nnonsense\n"' + "x" * 200_000)
    code = "from ben_assets.partitions import tile_partitions as p\n"
    code += "print(len(p.get_partition_keys()))"
    assert load_definitions({"BEN_TILES_CSV": str(own)}, code).split() == ["125"]
    missing = Settings({"BEN_TILES_CSV": str(tmp_path / "absent.csv")})
    assert len(load_tiles(missing)) == 125


def test_where_no_tile_has_an_l1c_product_nothing_waits_for_one(tmp_path):
    """The UI asks "Are you sure?" of what is below an asset that was never made."""
    own = tmp_path / "own.csv"
    own.write_text(f"tile,alignment\n{L2A_PRODUCT},none\n")
    environment = {"BEN_TILES_CSV": str(own), "BEN_TRACKED_TILES": "0"}
    code = "defs = ben_assets.definitions.defs\n"
    code += "graph = defs.resolve_asset_graph()\n"
    code += "job = defs.resolve_job_def('tile').asset_layer.selected_asset_keys\n"
    code += "print(*graph.get(dg.AssetKey('l2a_tiles')).parent_keys)\n"
    code += "print(*sorted(key.to_user_string() for key in job))\n"
    code += "print(*(job.name for job in defs.resolve_all_job_defs()))"
    said = load_definitions(environment, f"import dagster as dg\n{code}")
    above, made, jobs = said.split("\n")[:3]
    assert above == ""
    assert made.split() == sorted(["tile_ids", *FROM_L2A])
    assert {"tile_from_l1c", "l1c_tables"}.isdisjoint(jobs.split())
