"""The L1C assets: records, import, what is retained, what blocks."""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from types import FrameType

import dagster as dg
import pytest

from ben_assets import jobs
from ben_assets.assets.l1c import CHECKS, l1c_hash_csv, l1c_zips, tile_id_csv, tile_ids
from ben_assets.steps.preflight import format_preflight, preflight
from ben_assets.testing.cdse_faults import Fault
from ben_assets.testing.cdse_server import CdseServer
from ben_assets.tiles import load_tiles
from ben_assets.validation.expected_hashes import MEMBERS_FILE
from ben_assets_tests.support.facts import facts_of
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.programs import Fork, run_module
from ben_assets_tests.support.zip_products import (
    KEY,
    NAME,
    band_path,
    product_files,
    write_product,
    write_zip,
)
from resources.configured import resources_of
from resources.data_root.flow import RELEASE
from resources.data_root.store import Record, Storage
from resources.settings import REPOSITORY, Settings

PRODUCT_FOLDERS = tuple(f"{REPOSITORY / name}/" for name in ("ben_assets", "resources"))
TILE = load_tiles(Settings({}))[KEY]
NO_NETWORK = {
    f"CDSE_{name}_URL": "http://127.0.0.1:9"
    for name in ("CATALOGUE", "TOKEN", "DOWNLOAD")
}
HASTE = {"CDSE_FIRST_WAIT_SECONDS": "0.001", "CDSE_LONGEST_WAIT_SECONDS": "0.01"}
"""It ends by the number of failures, however slow this machine is."""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The products that the service has."""
    return write_product(tmp_path / "archive").parent


@pytest.fixture
def server(
    archive: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CdseServer]:
    with CdseServer(archive) as running:
        for name, value in {**running.environment(), **HASTE}.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data root; no service can be reached."""
    monkeypatch.setenv("BEN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BEN_L1C_SOURCES", "cdse")
    for name, value in NO_NETWORK.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "data"


def run(*assets: dg.AssetsDefinition, fails: bool = False) -> dg.ExecuteInProcessResult:
    """Materialize assets for the tile, with their checks."""
    known = [check.as_asset_check() for check in CHECKS if check.asset in assets]
    partition = None if assets[0].partitions_def is None else KEY
    result = dg.materialize(
        [*assets, *known],
        partition_key=partition,
        resources=resources_of(os.environ),
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )
    assert result.success is not fails
    return result


def outcome(result: dg.ExecuteInProcessResult, name: str) -> tuple[bool, str]:
    """Whether a check passed, and its severity."""
    (found,) = [
        one for one in result.get_asset_check_evaluations() if one.check_name == name
    ]
    return found.passed, found.severity.value


def failure(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(
        event.step_failure_data.error_display_string
        for event in result.get_step_failure_events()
    )


def record(data: Path, asset: str, tile: str = KEY) -> dict:
    return json.loads((data / asset / f"{tile}.json").read_text())


def leftovers(data: Path) -> list[str]:
    """Files below the data root that no record or lock accounts for."""
    known = (".lock", ".guard", ".json", f"{KEY}.zip")
    files = [str(p.relative_to(data)) for p in data.rglob("*") if p.is_file()]
    return [
        name
        for name in files
        if not name.endswith(known) and "/slot-" not in name and "pause-" not in name
    ] + [name for name in files if ".draft" in name or ".part" in name]


def test_a_tile_is_found_fetched_and_recorded(data, server) -> None:
    result = run(tile_ids, l1c_zips)
    product = server.product(NAME)
    ids = record(data, "tile_ids")
    assert {
        name: ids[name] for name in ("id", "name", "size", "online", "s3_path")
    } == {
        "id": product.id,
        "name": f"{NAME}.SAFE",
        "size": product.size,
        "online": True,
        "s3_path": f"/eodata/{product.s3_prefix}",
    }
    content = product.path.read_bytes()
    assert (data / "l1c_zips" / f"{KEY}.zip").read_bytes() == content
    zips = record(data, "l1c_zips")
    assert zips["zip_sha256"] == hashlib.sha256(content).hexdigest()
    assert zips["bytes"] == len(content)
    assert zips["id"] == product.id
    assert {n: m["sha256"] for n, m in zips["members"].items()} == {
        n: hashlib.sha256(c).hexdigest() for n, c in product_files().items()
    }
    assert {p["state"] for p in zips["checks"].values()} == {"verified"}
    # Another id and another zip than tracked, but every image is verified: warnings.
    assert outcome(result, "id_is_tracked") == (False, "WARN")
    assert outcome(result, "zip_is_tracked") == (False, "WARN")
    assert outcome(result, "catalogue_is_current") == (True, "ERROR")
    assert leftovers(data) == []


def test_few_calls_lie_between_the_run_and_the_first_byte(data, server) -> None:
    """Who follows a tile from asset to socket passes at most nine of our functions."""
    run(tile_ids)
    chains: list[list[str]] = []

    def watch(frame: FrameType, event: str, called: object) -> None:
        file = getattr(called, "__self__", None)
        is_write = event == "c_call" and getattr(called, "__name__", "") == "write"
        if is_write and isinstance(file, FileIO) and str(file.name).endswith(".zip"):
            stack = traceback.extract_stack(frame)
            ours = [f for f in stack if f.filename.startswith(PRODUCT_FOLDERS)]
            chains.append([f"{Path(f.filename).name} {f.name}" for f in ours])

    sys.setprofile(watch)
    try:
        run(l1c_zips)
    finally:
        sys.setprofile(None)
    first = chains[0]
    assert (first[0], first[-1]) == ("l1c.py l1c_zips", "transfer.py receive")
    assert len(first) <= 9, first


def test_the_tracked_id_passes(data, server) -> None:
    server.product(NAME).id = TILE.cdse_id
    assert outcome(run(tile_ids), "id_is_tracked") == (True, "ERROR")


def test_a_zip_that_verifies_is_kept(data, server, monkeypatch) -> None:
    run(tile_ids, l1c_zips)
    before = (data / "l1c_zips" / f"{KEY}.json").stat().st_mtime_ns
    run(l1c_zips)
    assert server.seen.requests["download"] == 1
    assert (data / "l1c_zips" / f"{KEY}.json").stat().st_mtime_ns == before
    monkeypatch.setenv("BEN_FORCE", "1")
    run(l1c_zips)
    assert server.seen.requests["download"] == 2


def test_a_zip_that_rotted_on_disk_is_made_again(data, server) -> None:
    run(tile_ids, l1c_zips)
    path = data / "l1c_zips" / f"{KEY}.zip"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    run(l1c_zips)
    assert path.read_bytes() == content
    path.unlink()
    run(l1c_zips)
    assert path.read_bytes() == content


def test_what_a_new_zip_changes_is_recorded(data, server, monkeypatch) -> None:
    run(tile_ids, l1c_zips)
    files = product_files() | {"HTML/new.html": b"new"}
    write_zip(server.product(NAME).path, files)
    monkeypatch.setenv("BEN_FORCE", "1")
    result = run(l1c_zips)
    assert record(data, "l1c_zips")["changed_members"] == {
        "added": ["HTML/new.html"],
        "removed": [],
        "changed": [],
    }
    assert outcome(result, "catalogue_is_current") == (False, "WARN")


@pytest.mark.parametrize("name", ["{key}.zip", "{key}.SAFE.zip", "{id}.out", "x.zip"])
def test_an_existing_zip_is_adopted_without_network(
    data, archive, monkeypatch, name
) -> None:
    file = archive / name.format(key=NAME, id=TILE.cdse_id)
    (archive / f"{NAME}.zip").rename(file)
    write_product(archive, NAME.replace("33UUP", "33UVP"))
    (archive / "notes.txt").write_text("not a zip")
    monkeypatch.setenv("BEN_L1C_DIR", str(archive))
    run(l1c_zips)
    copy = data / "l1c_zips" / f"{KEY}.zip"
    assert copy.read_bytes() == file.read_bytes()
    assert not copy.samefile(file)
    assert record(data, "l1c_zips")["id"] == TILE.cdse_id
    assert not (data / "tile_ids").exists()


def test_adoption_goes_by_the_folder_inside(data, archive, monkeypatch) -> None:
    """A file with the tile's name that holds another product is not the tile."""
    other = NAME.replace("33UUP", "33UVP")
    write_zip(archive / f"{NAME}.zip", product_files(other), other)
    monkeypatch.setenv("BEN_L1C_DIR", str(archive))
    assert f"has no zip of {NAME}" in failure(run(l1c_zips, fails=True))


@pytest.mark.parametrize(
    "corrupt", [lambda c: c[:3000], lambda c: c[::-1], lambda c: b""]
)
def test_a_damaged_zip_is_not_adopted(data, archive, monkeypatch, corrupt) -> None:
    path = archive / f"{NAME}.zip"
    path.write_bytes(corrupt(path.read_bytes()))
    monkeypatch.setenv("BEN_L1C_DIR", str(archive))
    text = failure(run(l1c_zips, fails=True))
    assert "[corrupt at source]" in text
    assert str(path) in text
    assert not (data / "l1c_zips" / f"{KEY}.zip").exists()
    assert leftovers(data) == []


def test_a_second_copy_stands_in_for_a_damaged_one(data, archive, monkeypatch) -> None:
    (archive / f"{NAME}.SAFE.zip").write_bytes(b"PK damaged")
    monkeypatch.setenv("BEN_L1C_DIR", str(archive))
    run(l1c_zips)


def test_images_that_nothing_proves_block_the_tile(data, archive, monkeypatch) -> None:
    write_product(archive, checksum="WHIRLPOOL")
    monkeypatch.setenv("BEN_L1C_DIR", str(archive))
    result = run(l1c_zips, fails=True)
    assert outcome(result, "zip_is_tracked") == (False, "ERROR")
    assert record(data, "l1c_zips")["checks"]["manifest"]["state"] == "unverifiable"


def test_the_services_checksum_proves_images_too(data, archive, server) -> None:
    write_product(archive, checksum="WHIRLPOOL")
    server.products[:] = [type(server.products[0]).of_zip(archive / f"{NAME}.zip")]
    assert outcome(run(tile_ids, l1c_zips), "zip_is_tracked") == (False, "WARN")


@pytest.mark.parametrize("is_same", [True, False])
def test_tracked_images_are_compared(
    data, archive, monkeypatch, tmp_path, is_same
) -> None:
    digest = hashlib.sha256(product_files()[band_path(NAME, "B02")]).hexdigest()
    row = f"{KEY},{band_path(NAME, 'B02')},{digest if is_same else '0' * 64}\n"
    (tmp_path / "tracked" / "hashes").mkdir(parents=True)
    file = tmp_path / "tracked" / "hashes" / MEMBERS_FILE
    file.write_text("tile,name,sha256\n" + row)
    monkeypatch.setenv("BEN_TRACKED_ARTIFACTS", str(tmp_path / "tracked"))
    monkeypatch.setenv("BEN_L1C_DIR", str(archive))
    result = run(l1c_zips, fails=not is_same)
    assert outcome(result, "zip_is_tracked") == (False, "WARN" if is_same else "ERROR")


def test_a_tracked_hash_of_the_step_passes(
    data, archive, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("BEN_L1C_DIR", str(archive))
    run(l1c_zips)
    kept = record(data, "l1c_zips")
    (tmp_path / "hashes").mkdir()
    row = ",".join(str(kept[name]) for name in ("tile", "files", "bytes", "sha256"))
    text = f"tile,files,bytes,sha256\n{row}\n"
    (tmp_path / "hashes" / "l1c_zips.csv").write_text(text)
    monkeypatch.setenv("BEN_TRACKED_ARTIFACTS", str(tmp_path))
    assert outcome(run(l1c_zips), "zip_is_tracked") == (True, "ERROR")


def test_without_an_id_the_next_step_is_named(data, server) -> None:
    text = failure(run(l1c_zips, fails=True))
    assert "[bad input]" in text
    assert "materialize tile_ids of this tile first" in text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("404", ["[gone]", "Materialize tile_ids again"]),
        (Fault(status=401, body=b"{}"), ["[auth]", "Log in once on the CDSE site"]),
        (Fault(status=429, headers={"Retry-After": "99999"}), ["[quota]", "99999 s"]),
        ("503", ["[transient]", "Run the same again later"]),
    ],
    ids=["gone", "auth", "quota", "transient"],
)
def test_a_failed_run_names_class_and_next_step(data, server, fault, words) -> None:
    run(tile_ids)
    server.script.add("download", fault, times=100)
    text = failure(run(l1c_zips, fails=True))
    assert [word for word in words if word not in text] == []
    assert leftovers(data) == []


def test_a_disk_that_fills_up_stops_the_step_cleanly(
    data, server, archive, tmp_path, monkeypatch
) -> None:
    """The catalogue tells no size, so the check before cannot help."""
    write_product(archive, band_bytes=100_000)
    server.products[:] = [type(server.products[0]).of_zip(archive / f"{NAME}.zip")]
    server.product(NAME).size = 0
    monkeypatch.setattr("resources.data_root.files._SPARE_BYTES", 0)
    data.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", data], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a memory disk is not permitted: {mounted.stderr}")
    try:
        run(tile_ids)
        text = failure(run(l1c_zips, fails=True))
        assert "[local resource]" in text
        assert "the disk is full; free space" in text
        assert leftovers(data) == []
        subprocess.run(["mount", "-o", "remount,size=9m", data], check=True)
        run(l1c_zips)
        monkeypatch.setenv("BEN_FORCE", "1")
        subprocess.run(["mount", "-o", "remount,ro", data], check=True)
        text = failure(run(l1c_zips, fails=True))
        assert "[local resource]" in text
        assert "read-only" in text
    finally:
        subprocess.run(["umount", "-l", data], check=True)


STEP = """
import sys
from ben_assets.environment import settings_of_process
from ben_assets.steps.l1c import make_l1c_zip
from ben_assets.steps.step_context import StepContext
from ben_assets.tiles import load_tiles
settings = settings_of_process()
tile = load_tiles(settings)[sys.argv[1]]
make_l1c_zip(tile, StepContext.from_settings(settings, print))
"""


def start_step(folder: Path) -> Fork:
    (folder / "run_step.py").write_text(STEP)
    return Fork(("run_step", KEY), os.environ, cwd=folder)


def test_after_a_kill_a_plain_rerun_ends_with_the_right_bytes(
    data, server, tmp_path
) -> None:
    """A hundred of these kills run in the soak campaign."""
    run(tile_ids)
    right = server.product(NAME).path.read_bytes()
    dice = random.Random(12)
    for kill in range(4):
        server.script.add("download", Fault(bytes_per_second=20_000))
        process = start_step(tmp_path)
        time.sleep(dice.uniform(0, 0.8))
        process.process.kill()
        process.wait()
        path = data / "l1c_zips" / f"{KEY}.zip"
        assert not path.exists() or path.read_bytes() == right, kill
        server.script.clear()
        run(l1c_zips)
        assert path.read_bytes() == right
        assert leftovers(data) == []
        path.unlink()


def test_two_runs_of_one_tile_download_it_once(data, server, tmp_path) -> None:
    """The second waits, then finds that all is done."""
    run(tile_ids)
    server.script.add("download", Fault(bytes_per_second=40_000))
    both = [process.wait() for process in (start_step(tmp_path), start_step(tmp_path))]
    assert [process.code for process in both] == [0, 0]
    assert server.seen.requests["download"] == 1
    kept = ["is on disk and verifies: kept" in process.out for process in both]
    assert sorted(kept) == [False, True]


def publish_all(data: Path, asset: str, facts: Callable[..., dict]) -> None:
    storage = Storage(data)
    for tile in load_tiles(Settings({})).values():
        with storage.draft(asset, tile.key) as draft:
            known = facts_of(asset, **facts(tile))
            made = Record(
                asset=asset, tile=tile.key, digests={}, bytes=0, outputs=(), facts=known
            )
            draft.publish(made, keep_hash_list=False)


def test_the_tables_of_all_tiles_equal_the_published_ones(data, monkeypatch) -> None:
    monkeypatch.setattr(
        "resources.data_root.store.flush_file_system", lambda path: None
    )
    publish_all(data, "tile_ids", lambda t: {"id": t.cdse_id, "name": f"{t.name}.SAFE"})
    publish_all(
        data,
        "l1c_zips",
        lambda t: {"id": t.cdse_id, "zip_sha256": t.l1c_sha256, "packed_here": False},
    )
    run(tile_id_csv)
    run(l1c_hash_csv)
    text = (REPOSITORY / "tracked-artifacts" / "published.toml").read_text()
    published = tomllib.loads(text)["release"]
    for asset, name in (
        ("tile_id_csv", "bigearthnet_s2_tile_ids.csv"),
        ("l1c_hash_csv", "ben_s2_l1c_hashes.csv"),
    ):
        content = (data / asset / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == published[name]["sha256"]
        assert record(data, asset, RELEASE)["rows"] == 125


def test_a_table_of_no_tiles_says_what_to_do(data) -> None:
    assert "materialize tile_ids for a tile first" in failure(
        run(tile_id_csv, fails=True)
    )


def test_preflight_tells_all_states_without_downloading(data, server, archive) -> None:
    tiles = list(load_tiles(Settings({})).values())[:5]
    online, offline, gone, newer, several = (tile.name for tile in tiles)
    for key in (offline, several, newer, newer.replace("_N0205_", "_N0500_")):
        write_product(archive, key)
    with CdseServer(archive) as other:
        other.product(online).id = tiles[0].cdse_id
        other.product(offline).online = False
        other.products.append(other.product(several))
        other.deleted.append({"Name": f"{gone}.SAFE", "DeletionCause": "Corrupted"})
        settings = {
            **other.environment(),
            "BEN_DATA_DIR": str(data),
            "BEN_L1C_SOURCES": "cdse",
        }
        report = preflight(tiles, Settings(settings), print)
        assert other.seen.requests["download"] == other.seen.logins == 0
    rows = report.rows
    assert [row.state for row in rows] == [
        "online",
        "offline",
        "gone",
        "online",
        "several",
    ]
    assert rows[0].changed == ()
    assert rows[3].changed[0].startswith("id ")
    assert rows[3].newer_baselines == (f"{newer.replace('_N0205_', '_N0500_')}.SAFE",)
    assert "Corrupted" in rows[2].sources["cdse"]
    table = format_preflight(report)
    assert table.splitlines()[-1].startswith(
        "5 tiles: 2 found (2 in cdse), 1 offline and 1 gone in cdse, 2 changed, "
        "1 with newer baselines"
    )


def test_preflight_is_a_job_and_a_command(data, server) -> None:
    options = {"ops": {"ask_catalogue": {"config": {"tiles": [KEY]}}}}
    instance = dg.DagsterInstance.ephemeral()
    asked = jobs.preflight.execute_in_process(
        options, instance=instance, resources=resources_of(os.environ)
    )
    assert asked.success
    command = ("ben_assets.cli", "preflight")
    ready = run_module(*command, KEY, environment=os.environ)
    assert (ready.code, ready.err) == (0, "")
    assert "1 tiles: 1 found (1 in cdse), 0 offline" in ready.out
    server.product(NAME).online = False
    absent = run_module(*command, f"{NAME}.SAFE", environment=os.environ)
    assert absent.code == 1
    assert "0 found (0 in cdse), 1 offline" in absent.out
    assert server.seen.requests["download"] == 0


def test_the_command_line_survives_faults(data, server, tmp_path) -> None:
    """The call that people make, against a service on a bad day."""
    server.script.add("catalogue", "503")
    server.script.add("token", "503")
    server.script.add("download", "reset", "html", "short without length", "429")
    words = Pipeline.words("tile_ids,l1c_zips", KEY)
    result = run_module(*words, environment=os.environ)
    assert result.code == 0, result.err
    right = server.product(NAME).path.read_bytes()
    assert (data / "l1c_zips" / f"{KEY}.zip").read_bytes() == right
    assert server.seen.logins == 1
    assert server.password not in result.output
    assert not any(token in result.output for token in server.tokens)
