"""``ben publish`` as people run it, killed and run again."""

from __future__ import annotations

import json
import subprocess
import sys

import huggingface_hub.constants
import lmdb
import pytest
from typer.testing import CliRunner

from ben_assets.cli import app
from ben_assets.steps.publishing import release_files
from ben_assets.testing.hub_server import HubServer
from ben_assets.testing.upload_server import UploadServer
from ben_assets.testing.zenodo_server import ZenodoServer
from ben_assets_tests.support.pipeline import Pipeline
from resources.data_root.tile_files import verify_tile
from resources.settings import REPOSITORY

SERVICES = {
    "huggingface": (HubServer, ("somebody/patches",)),
    "zenodo": (ZenodoServer, ("--creator", "Doe, Jane")),
}
ONLY = ("--only", "index", "--only", "shards")


def ben_publish(pipeline: Pipeline, server: UploadServer, *words: str):
    return subprocess.Popen(
        [sys.executable, "-m", "ben_assets.cli", "publish", *words],
        cwd=REPOSITORY,
        env={**pipeline.environment(), **server.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def publish(trained, monkeypatch):
    """Runs the command in this process."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)

    def run(server: UploadServer, *words: str):
        for name, value in {**trained.settings, **server.environment()}.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, ["publish", *words])

    return run


def files_of(server: UploadServer) -> dict[str, bytes]:
    if isinstance(server, HubServer):
        (found,) = server.repositories.values()
    else:
        (found,) = server.depositions.values()
    return found.files


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_upload_goes_on_where_it_stopped(trained, publish, service):
    make_server, words = SERVICES[service]
    with make_server() as server:
        started = []

        def kill(number: int) -> None:
            if number == 3:
                started[0].kill()
                raise ConnectionError  # the rest may be on its way already

        server.during_upload = kill
        started.append(ben_publish(trained, server, service, *words, *ONLY))
        started[0].communicate(timeout=100)
        assert started[0].returncode == -9
        sent = list(server.received)
        server.during_upload = lambda number: None
        again = publish(server, service, *words, *ONLY)
        assert again.exit_code == 0, again.output
        assert "all verified" in again.output
        assert sent[:3] == server.received[:3]
        assert len(server.received) == len(set(server.received))
        shards = trained.storage.folder("release_shards")
        expected = {path.name: path.read_bytes() for path in shards.glob("*.tar")}
        found = {
            name.rpartition("/")[2]: content
            for name, content in files_of(server).items()
            if name.endswith(".tar")
        }
        assert found == expected


def test_what_a_reader_with_locks_leaves_is_neither_damage_nor_uploaded(trained):
    folder = trained.storage.folder("release_lmdb") / "BigEarthNet.lmdb"
    lmdb.open(str(folder)).close()
    assert (folder / "lock.mdb").exists()
    assert verify_tile(trained.storage, "release_lmdb", "release", deep=True) == []
    names = [file.name for file in release_files(trained.ctx(), ["lmdb"])]
    assert "lmdb/BigEarthNet.lmdb/data.mdb" in names
    assert not any(name.endswith("lock.mdb") for name in names)


def test_a_dry_run_lists_the_files_and_asks_nobody(publish):
    with HubServer() as server:
        run = publish(server, "huggingface", "a/b", "--dry-run", "--only", "lmdb")
        assert run.exit_code == 0
        names = [line.partition("\t")[2] for line in run.stdout.splitlines()]
        assert {"README.md", "lmdb/BigEarthNet.lmdb/data.mdb"} < set(names)
        assert not any(name.startswith(("shards/", "index/")) for name in names)
        assert "nothing was sent" in run.stdout
        listed = publish(server, "huggingface", "a/b", "--dry-run", "--json")
        sizes = {one["file"]: one["bytes"] for one in json.loads(listed.stdout)}
        assert sizes["index/bigearthnet_index.parquet"] > 0
        alone = publish(server, "huggingface", "a/b", "--json")
        assert alone.exit_code == 2
        assert "--json goes with --dry-run" in alone.output
        assert server.repositories == {}
