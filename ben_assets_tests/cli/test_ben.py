from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ben_assets.cli import app, reference
from ben_assets.testing.cdse_server import CdseServer
from ben_assets_tests.support.pipeline import Pipeline, replace_file
from ben_assets_tests.support.programs import Ended, run_command, run_module
from ben_assets_tests.support.shared import SHARED, needs_shared
from resources.inputs import pinned
from resources.inputs.pins import Pin
from resources.settings import REPOSITORY

HEAVY = (
    "dagster",
    "pandas",
    "rasterio",
    "geopandas",
    "duckdb",
    "httpx2",
    "botocore",
    "numpy",
    "shapely",
    "affine",
    "resources.cdse",
)


def ben(pipeline: Pipeline, *arguments: str, cwd: Path = REPOSITORY) -> Ended:
    """``ben`` to its end, with the settings of the pipeline."""
    words = ("ben_assets.cli", *arguments)
    return run_module(*words, environment=pipeline.environment(), cwd=cwd)


def test_help_is_there_without_dagster_and_raster_libraries():
    code = (
        "import sys, ben_assets.cli as cli\n"
        "sys.argv = ['ben', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(','.join(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for command in ("verify", "track", "tiles", "doctor", "hash", "reference", "pin"):
        assert command in done.stdout
    loaded = set(done.stdout.splitlines()[-1].split(","))
    assert loaded & set(HEAVY) == set()


def test_wrong_usage_ends_with_2(pipeline):
    assert ben(pipeline, "verify", "no-such-tile").code == 2
    assert ben(pipeline, "verify", pipeline.keys[0], "--all").code == 2
    assert ben(pipeline, "no-such-command").code == 2
    empty = ben(pipeline, "verify", "--all")
    assert empty.code == 2
    assert "nothing to verify" in empty.err


def test_verify_names_what_differs_and_what_it_says_repairs_it(finished):
    clean = ben(finished, "verify", "--all", "--deep")
    assert (clean.code, clean.out.splitlines()[-1].split()[2]) == (0, "0")
    key = finished.keys[0]
    archive = finished.storage.folder("archives") / key / "S2.tar.zst"
    replace_file(archive, archive.read_bytes()[:-1] + b"x")
    table = finished.storage.table_path("metadata_tables", key)
    table.unlink()
    found = ben(finished, "verify", "--all", "--deep")
    assert found.code == 1
    lines = [line.split("\t") for line in found.out.splitlines() if "\t" in line]
    assert [line[:3] for line in lines] == [
        ["metadata_tables", key, table.name],
        ["archives", key, f"{key}/S2.tar.zst"],
    ]
    assert [line[3].split(":")[0] for line in lines] == ["missing", "wrong"]
    (command,) = [line for line in found.out.splitlines() if "to repair: " in line]
    _, _, said = command.partition("to repair: ")
    expected = "dagster asset materialize -m ben_assets.definitions --select "
    expected += f"metadata_tables,archives --partition {key}"
    assert said.endswith(expected)
    done = run_command(said.split(), finished.environment())
    assert done.code == 0, done.err
    assert ben(finished, "verify", "--deep").code == 0


def test_verify_of_one_tile_does_not_see_the_others(finished):
    finished.storage.table_path("metadata_tables", finished.keys[0]).unlink()
    assert ben(finished, "verify", finished.keys[1]).code == 0
    assert ben(finished, "verify", f"{finished.keys[0]}.SAFE").code == 1


def test_tracked_hashes_come_from_track_and_verify_holds_to_them(finished, tmp_path):
    finished.settings["BEN_TRACKED_ARTIFACTS"] = str(tmp_path / "tracked")
    tracked = ben(finished, "track")
    assert tracked.code == 0, tracked.err
    assert f"{len(finished.keys)} rows added" in tracked.out
    assert ben(finished, "verify").code == 0
    path = tmp_path / "tracked" / "hashes" / "patches.csv"
    path.write_text(
        path.read_text().replace(f"{finished.keys[0]},", f"{finished.keys[0]},1")
    )
    wrong = ben(finished, "verify")
    assert wrong.code == 1
    assert "differs from the tracked hash in files" in wrong.out


def test_tiles_as_text_and_as_json(finished):
    text = ben(finished, "tiles")
    assert text.code == 0
    row = next(
        line for line in text.out.splitlines() if line.startswith(finished.keys[0])
    )
    assert row.split()[1:9] == ["-", "-", *["done"] * 6]
    content = json.loads(ben(finished, "tiles", "--json").out)
    rows = {row["tile"]: row for row in content["tiles"]}
    assert len(rows) == 125 + len(finished.keys) + 1
    assert rows[finished.keys[0]]["assets"]["patches"]["state"] == "done"
    assert content["bytes"] == sum(row["bytes"] for row in rows.values())


def test_hashes_are_written_where_ben_is_called(finished, tmp_path):
    """The list of a tile's folder is the one the tile itself keeps."""
    (tmp_path / "work").mkdir()
    record = finished.storage.require("patches", finished.keys[0])
    folder = finished.storage.folder("patches") / record.facts.tile_id
    done = ben(finished, "hash", "tiffs", str(folder), cwd=tmp_path / "work")
    assert done.code == 0, done.err
    path = finished.storage.hash_list_path("patches", finished.keys[0])
    written = tmp_path / "work" / "patch_hashes.csv"
    assert written.read_text() == path.read_text()
    digest = tmp_path / "work" / "patch_hashes.csv.sha256"
    assert digest.read_text() == record.sha256


def test_reference_fetch_from_a_folder_says_what_is_missing(pipeline, tmp_path):
    source = pipeline.settings["BEN_REFERENCE_DIR"]
    pipeline.settings["BEN_REFERENCE_DIR"] = str(tmp_path / "mine")
    name = "patches_with_seasonal_snow.csv"
    done = ben(pipeline, "reference", "fetch", name, "--from", source)
    assert done.code == 0, done.err
    assert "not the pinned file" in done.out
    assert (tmp_path / "mine" / name).is_file()
    done = ben(pipeline, "reference", "fetch", "--from", source)
    assert done.code == 1
    assert "tile_names_and_links.csv.bz2: [bad input] not in" in done.err
    assert ben(pipeline, "reference", "fetch", "nothing.csv").code == 2


def test_doctor_says_what_a_real_run_lacks(pipeline):
    for name in ("BEN_L2A_DIR", "BEN_S1_DIR"):
        del pipeline.settings[name]
    done = ben(pipeline, "doctor", pipeline.keys[0])
    assert done.code == 1
    said = {line[7:].split("  ")[0]: line.split()[0] for line in done.out.splitlines()}
    assert said["versions"] == said["data root"] == "ok"
    assert (
        said["L1C from cdse"] == said["L2A processor"] == said["Sentinel-1"] == "lacks"
    )
    assert said["s1s2_mapping.csv"] == "warns"


def test_doctor_finds_nothing_missing_where_all_is_at_hand(pipeline):
    done = ben(pipeline, "doctor")
    assert done.code == 0, done.out
    assert "0 of " in done.out.splitlines()[-1]


def test_doctor_names_a_misspelt_setting_and_a_wrong_path(pipeline):
    pipeline.settings |= {"BEN_TILE_CSV": "x", "BEN_CLC_PATH": "/nowhere.gpkg"}
    done = ben(pipeline, "doctor")
    assert "warns  settings" in done.out
    assert "nothing reads BEN_TILE_CSV; is BEN_TILES_CSV meant?" in done.out
    how = "ben reference fetch with CLMS_SERVICE_KEY, or by hand from "
    assert f"missing: expected /nowhere.gpkg; {how}" in done.out


@pytest.mark.parametrize("command", ["doctor", "tiles", "verify"])
def test_a_data_root_that_is_a_file_is_named(pipeline, tmp_path, command):
    (tmp_path / "file").write_text("")
    pipeline.settings["BEN_DATA_DIR"] = str(tmp_path / "file" / "below")
    done = ben(pipeline, command)
    assert done.code != 0
    assert f"a file is in the place of a folder: {tmp_path}/file" in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("name", "value"), [("BEN_L2A_CORES", "two"), ("BEN_FORCE", "yes")]
)
def test_doctor_says_what_a_step_would_refuse(pipeline, name, value):
    pipeline.settings[name] = value
    done = ben(pipeline, "doctor")
    assert done.code == 1
    assert "lacks  settings" in done.out
    assert f"{name} is '{value}'; expected " in done.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "ok     L1C from cdse   logged in"),
        ({}, "ok     L1C from gcs   without an account"),
        ({"CDSE_PASSWORD": "wrong"}, "lacks  L1C from cdse   [auth]"),
    ],
)
def test_doctor_tries_the_credentials(pipeline, tmp_path, change, said):
    (tmp_path / "archive").mkdir()
    del pipeline.settings["BEN_L2A_DIR"]
    with CdseServer(tmp_path / "archive") as server:
        pipeline.settings |= server.environment() | change
        done = ben(pipeline, "doctor")
    assert said in re.sub(r"(from \w+) +", r"\1   ", done.out)
    assert "wrong" not in done.out + done.err


def test_doctor_says_whether_the_service_key_can_sign(pipeline, tmp_path):
    key = tmp_path / "key.json"
    pipeline.settings["CLMS_SERVICE_KEY"] = str(key)
    fields = dict.fromkeys(("client_id", "user_id", "token_uri", "private_key"), "none")
    key.write_text(json.dumps(fields))
    done = ben(pipeline, "doctor", pipeline.keys[0])
    (line,) = [one for one in done.out.splitlines() if "CORINE service" in one]
    assert line.startswith("lacks")
    assert "expected an RSA key as PEM" in line


@needs_shared
def test_pin_derives_the_tracked_files_from_what_was_published(pipeline, tmp_path):
    source = str(SHARED / "reference")
    done = ben(pipeline, "pin", "--from", source, "--to", str(tmp_path / "made"))
    assert done.code == 0, done.err
    for name in ("tiles.csv", "published.toml"):
        tracked = REPOSITORY / "tracked-artifacts" / name
        assert (tmp_path / "made" / name).read_bytes() == tracked.read_bytes()


@pytest.mark.parametrize("name", ["tiles.csv", "published.toml"])
def test_pin_without_the_published_files_says_which_it_needs(pipeline, tmp_path, name):
    done = ben(pipeline, "pin", "--from", str(tmp_path), "--to", str(tmp_path))
    assert done.code == 2
    assert "published artifact" in done.err
    assert not (tmp_path / name).exists()


def as_json(pipeline: Pipeline, *command: str, code: int = 0):
    done = ben(pipeline, *command, "--json")
    assert done.code == code, done.err
    return json.loads(done.out)


def test_verify_as_json_has_differences_and_commands(finished):
    key = finished.keys[0]
    clean = as_json(finished, "verify", key)
    assert clean == {"artifacts": 7, "differences": [], "repair": []}
    finished.storage.table_path("metadata_tables", key).unlink()
    found = as_json(finished, "verify", key, code=1)
    (difference,) = found["differences"]
    assert difference["asset"] == difference["rebuilt_by"] == "metadata_tables"
    assert (difference["tile"], difference["kind"]) == (key, "missing")
    assert found["repair"][0].endswith(f"--select metadata_tables --partition {key}")


def test_doctor_as_json_has_a_state_for_each_subject(pipeline):
    found = as_json(pipeline, "doctor", pipeline.keys[0])
    assert found["tiles"] == [pipeline.keys[0]]
    states = {one["subject"]: one["state"] for one in found["findings"]}
    assert states["versions"] == "ok"
    assert states["s1s2_mapping.csv"] == "warns"


def test_a_recipe_as_json_has_its_keys(pipeline):
    shown = as_json(pipeline, "recipe", "show", "bigearthnet-v2")
    assert shown["recipe"] == "bigearthnet-v2"
    assert len(shown["sha256"]) == 64
    wrong = ben(pipeline, "recipe", "show", "bigearthnet-v3")
    assert "did you mean bigearthnet-v2?" in wrong.err


def test_the_pinned_inputs_are_listed(pipeline):
    rows = {row["name"]: row for row in as_json(pipeline, "reference", "list")}
    assert rows["s1s2_mapping.csv"]["is_there"]
    assert not rows["s1s2_mapping.csv"]["is_pinned"]
    assert not rows["tile_names_and_links.csv.bz2"]["is_there"]
    text = ben(pipeline, "reference", "list").out
    assert "missing  tile_names_and_links.csv.bz2: from https://" in text
    near = ben(pipeline, "reference", "fetch", "s1s2_maping.csv")
    assert near.code == 2
    assert "did you mean s1s2_mapping.csv?" in " ".join(
        near.err.replace("│", " ").split()
    )


def test_servers_that_do_not_answer_end_a_fetch_soon(tmp_path, monkeypatch):
    """The first is asked for a while, with each retry told; the others once."""
    assert reference._GIVE_UP_SECONDS == 30
    monkeypatch.setattr(reference, "_GIVE_UP_SECONDS", 2)
    monkeypatch.setenv("BEN_REFERENCE_DIR", str(tmp_path))
    names = ("a.csv", "b.csv")
    pins = {name: Pin(name, f"http://127.0.0.1:9/{name}", True) for name in names}
    monkeypatch.setattr(pinned, "load_pins", lambda: pins)
    done = CliRunner().invoke(app, ["reference", "fetch"])
    assert done.exit_code == 1
    assert re.search(r"trying again in \d.\d s, giving up in 2 s", done.output)
    first, second = [line for line in done.output.splitlines() if "[transient]" in line]
    assert first.startswith("a.csv: ")
    assert "failed 2 times" in first
    assert second.startswith("b.csv: ")
    assert "failed 1 time in 0 s" in second
    assert done.output.endswith("0 of 2 inputs are there\n")


def test_a_shell_completes_tile_keys_and_says_nothing_else(pipeline, tmp_path):
    own, key = tmp_path / "tiles.csv", pipeline.keys[0]
    listed = Path(pipeline.settings["BEN_TILES_CSV"]).read_text()
    own.write_text(f"{listed}nonsense,none\n")  # elsewhere it is reported
    asked = {"COMP_WORDS": f"ben run {key[:11]}", "COMP_CWORD": "2"}
    asked |= {"_BEN_COMPLETE": "complete_bash", "BEN_TILES_CSV": str(own)}
    program = str(Path(sys.executable).with_name("ben"))
    done = run_command([program], {**pipeline.environment(), **asked})
    assert (done.out.split(), done.err) == ([key], "")


def test_colour_and_progress_only_where_a_terminal_is(finished):
    """On a terminal of our own: a bar while it reads, and a red line at the end."""
    key = finished.keys[0]
    finished.storage.table_path("metadata_tables", key).unlink()
    command = [sys.executable, "-m", "ben_assets.cli", "verify", key, "--deep"]
    environment = {**finished.environment(), "PYTHONPATH": str(REPOSITORY)}

    def said(**more: str) -> str:
        leader, follower = os.openpty()
        try:
            done = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**environment, "TERM": "xterm", **more},
                stdout=follower,
                stderr=follower,
            )
            os.close(follower)
            parts = []
            with contextlib.suppress(OSError):  # at the end of a terminal
                while part := os.read(leader, 4096):
                    parts.append(part)
            assert done.wait(60) == 1
        finally:
            os.close(leader)
        return b"".join(parts).decode()

    coloured = said()
    assert "\x1b[31m7 artifacts, 1 difference (" in coloured
    assert "reading" in coloured
    (line,) = [line for line in coloured.split("\r\n") if "missing" in line]
    assert "━" not in line.rpartition("\x1b[2K")[2], "it is above the bar, not in it"
    assert "\x1b[31m" not in said(NO_COLOR="1")
    assert "\x1b[" not in ben(finished, "verify", key, "--deep").out
