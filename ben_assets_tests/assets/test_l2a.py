"""l2a_tiles through Dagster: processed, checked, killed and repaired."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets_tests.resources.sen2cor import l2a_process
from ben_assets_tests.resources.sen2cor.test_sen2cor import is_alive, wait_until_dead
from ben_assets_tests.support.l1c_products import (
    GRID,
    KEY,
    L2A_STEM,
    NAME,
    l1c_description,
    make_l1c_zip,
)
from ben_assets_tests.support.programs import Fork

OWN_NAME = NAME.replace("T33UUP", "T33UVP")  # not one of the 125: it may be small
OWN_KEY = ProductName.parse(OWN_NAME).tile_key
OWN_STEM = L2A_STEM.replace("T33UUP", "T33UVP")
QUALITY = {**l1c_description().quality, "SENSOR_QUALITY": "FAILED"}


@pytest.fixture
def synthetic(tmp_path):
    """Environment of a run that knows one small tile, by its zip in BEN_L1C_DIR."""

    def make(name=OWN_NAME, **changes):
        make_l1c_zip(tmp_path / "zips", l1c_description(name, GRID, **changes))
        (tmp_path / "tiles.csv").write_text(f"tile,alignment\n{OWN_NAME},none\n")
        program = l2a_process.install(tmp_path / "Sen2Cor")
        (tmp_path / "home").mkdir()
        return program, {
            "PATH": os.environ["PATH"],
            "DAGSTER_HOME": str(tmp_path / "home"),
            "BEN_DATA_DIR": str(tmp_path / "data"),
            "BEN_L1C_DIR": str(tmp_path / "zips"),
            "BEN_TILES_CSV": str(tmp_path / "tiles.csv"),
            "BEN_TRACKED_ARTIFACTS": str(tmp_path / "tracked"),
            "SEN2COR_BIN": str(program),
        }

    return make


def start(environment, key=OWN_KEY, names=("l1c_zips", "l2a_tiles")):
    return Fork(("ben_assets_tests.assets.run_graph", key, *names), environment)


def run(environment, *args):
    return json.loads(start(environment, *args).wait().out.splitlines()[-1])


def tile_folder(environment):
    return Path(environment["BEN_DATA_DIR"]) / "l2a_tiles"


def record(environment, key=OWN_KEY):
    return json.loads((tile_folder(environment) / f"{key}.json").read_text())


def test_the_embedded_processor_makes_a_tile_that_says_so(synthetic):
    _, environment = synthetic(quality=QUALITY)
    outcome = run(environment | {"BEN_L2A_PROCESSOR": "dark-object"})
    assert outcome["success"], outcome
    passed = {name: check[:2] for name, check in outcome["checks"].items()}
    assert passed == {
        "has_expected_bands": [True, "ERROR"],
        "start_time_is_of_name": [True, "ERROR"],
        "quality_passed": [False, "WARN"],
        "is_made_with_sen2cor_2_11": [False, "WARN"],
        "matches_tracked_hash": [True, "WARN"],
    }
    assert "SENSOR_QUALITY is FAILED" in outcome["checks"]["quality_passed"][2]
    assert "labels are not" in outcome["checks"]["quality_passed"][2]
    assert "dark-object" in outcome["checks"]["is_made_with_sen2cor_2_11"][2]
    made = record(environment)
    assert made["l2a_processor"] == made["processor"] == "dark-object"
    assert made["failed_quality_checks"] == {"SENSOR_QUALITY": "FAILED"}
    assert made["restored_folders"][:2] == ["AUX_DATA", "HTML"]
    assert made.keys() >= {"version", "parameters", "cores", "seconds", "quality"}
    assert "peak_memory_bytes" in made


def test_another_version_warns_and_fails_the_hash_check(synthetic, tmp_path):
    program, environment = synthetic()
    assert run(environment)["success"]
    made = record(environment)
    assert (made["processor"], made["version"]) == ("sen2cor", "2.11.0")
    assert len(made["parameters"]["gipp_sha256"]) == 64
    assert (tile_folder(environment) / f"{OWN_KEY}.log").is_file()
    hashes = tmp_path / "tracked" / "hashes"
    hashes.mkdir(parents=True)
    row = f"{OWN_KEY},{made['files']},{made['bytes']},{made['sha256']}"
    (hashes / "l2a_tiles.csv").write_text(f"tile,files,bytes,sha256\n{row}\n")
    l2a_process.misbehave(program, version="2.10.0")
    outcome = run(environment | {"BEN_FORCE": "1"})
    assert not outcome["success"]
    assert outcome["checks"]["matches_tracked_hash"][0] is False
    assert outcome["checks"]["is_made_with_sen2cor_2_11"][:2] == [False, "WARN"]
    assert record(environment)["sha256"] == made["sha256"]
    assert "2.10.0" in record(environment)["warnings"][0]


def test_a_run_that_is_killed_leaves_nothing_and_the_next_repairs(synthetic):
    program, environment = synthetic()
    l2a_process.misbehave(program, fault="children", pause_seconds=60)
    process = start(environment)
    log = Path(environment["BEN_DATA_DIR"]) / ".logs" / f"{OWN_NAME}.log"
    while not log.exists() or "Tables: start" not in log.read_text():
        process.said()
        time.sleep(0.1)
    children = json.loads((program.parent / "children.json").read_text())
    pids = [*children, l2a_process.seen(program)["pid"]]
    assert all(map(is_alive, pids))
    process.send(signal.SIGKILL)
    process.wait()
    assert wait_until_dead(pids) == []
    folder = tile_folder(environment)
    assert [path.name for path in folder.iterdir()] == [".drafts"]
    l2a_process.misbehave(program)
    assert run(environment, OWN_KEY, ("l2a_tiles",))["success"]
    made = {path.suffix for path in folder.iterdir()}
    assert made == {".json", ".csv", ".log", ".SAFE"}


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_end_takes_draft_and_locks_with_it(synthetic, number):
    """A terminal that closes hangs up more than once; nohup has it ignored."""
    program, environment = synthetic()
    l2a_process.misbehave(program, fault="children", pause_seconds=60)
    process = start(environment)
    data = Path(environment["BEN_DATA_DIR"])
    log = data / ".logs" / f"{OWN_NAME}.log"
    while not log.exists() or "Tables: start" not in log.read_text():
        process.said()
        time.sleep(0.1)
    children = json.loads((program.parent / "children.json").read_text())
    pids = [*children, l2a_process.seen(program)["pid"]]
    assert list(data.rglob("*.lock"))
    for _ in range(3 if number is signal.SIGHUP else 1):
        process.send(number)
    process.wait()
    assert wait_until_dead(pids) == []
    assert list((data / "l2a_tiles").rglob("*")) == []
    assert list(data.rglob("*.lock")) == []


def test_a_killed_sen2cor_is_tried_once_more(synthetic):
    program, environment = synthetic()
    l2a_process.misbehave(program, fault="killed")
    outcome = run(environment)
    assert (outcome["success"], outcome["retries"]) == (False, 1)


def test_a_tile_of_the_125_must_be_of_full_size_and_is_not_tried_again(synthetic):
    _, environment = synthetic(NAME)
    outcome = run(environment | {"BEN_L2A_PROCESSOR": "dark-object"}, KEY)
    assert (outcome["success"], outcome["retries"]) == (False, 0)
    assert "expected a tile of 109800 m a side" in outcome["failures"][0]
    assert not (tile_folder(environment) / f"{KEY}.json").exists()
