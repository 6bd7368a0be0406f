"""Products from several sources: who is asked, who gives, and what the records say."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    LocalResourceError,
    MissingInput,
    ProductGone,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.zips import product_of_zip
from ben_assets.steps.l1c import (
    make_l1c_hash_csv,
    make_l1c_zip,
    make_tile_id,
    make_tile_id_csv,
)
from ben_assets.steps.preflight import format_preflight, preflight
from ben_assets.steps.step_context import StepContext
from ben_assets.testing.bucket_faults import LASTING
from ben_assets.testing.bucket_server import BucketServer
from ben_assets.testing.cdse_faults import Fault
from ben_assets.testing.cdse_server import CdseServer
from ben_assets.validation.expected_hashes import MEMBERS_FILE, track_tiles
from ben_assets.validation.l1c_rules import zip_is_tracked
from ben_assets_tests.support.programs import run_module
from ben_assets_tests.support.zip_products import (
    NAME,
    band_path,
    other_product,
    product_files,
    write_product,
    write_zip,
)
from resources.data_root.facts import parse_facts
from resources.data_root.staleness import stale_inputs
from resources.data_root.store import StoredRecord
from resources.data_root.tile_files import verify_tile
from resources.product_sources import (
    LOOK_SECONDS,
    Source,
    SourceAnswer,
    Sources,
    ask_briefly,
)
from resources.settings import Settings

FOLDER = f"{NAME}.SAFE"
BAND = band_path(NAME, "B02")
NEWER = NAME.replace("_N0205_", "_N0500_")
TILE = Tile(NAME, cdse_id="0c1dbb3c-4a05-5bb6-a3f0-e5ba3ee0cb1c", l1c_sha256="1" * 64)
CLOSED = "http://127.0.0.1:9"
HASTE = {
    "CDSE_FIRST_WAIT_SECONDS": "0.01",
    "CDSE_LONGEST_WAIT_SECONDS": "0.01",
}
"""Short waits and long limits: a lasting fault ends by the number of tries."""


@contextlib.contextmanager
def dripping_server(piece: bytes) -> Iterator[str]:
    """The address of a server that sends ``piece`` again and again, and no answer."""
    is_over = threading.Event()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not is_over.wait(0.05):
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        is_over.set()
        thread.join()


@dataclass
class Setup:
    """Both services, and the settings of a user of them."""

    cdse: CdseServer
    bucket: BucketServer
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def all_settings(self) -> Settings:
        data = {
            "BEN_DATA_DIR": str(self.folder / "data"),
            "BEN_TRACKED_ARTIFACTS": str(self.folder / "tracked"),
        }
        servers = {**self.cdse.environment(), **self.bucket.environment()}
        return Settings({**servers, **HASTE, **data, **self.settings})

    @property
    def ctx(self) -> StepContext:
        return StepContext.from_settings(self.all_settings, self.log.append)

    def ids(self) -> StoredRecord:
        return make_tile_id(TILE, self.ctx)

    def zip(self) -> StoredRecord:
        return make_l1c_zip(TILE, self.ctx)

    def delete_from_cdse(self) -> None:
        self.cdse.products[:] = [p for p in self.cdse.products if p.name != FOLDER]
        self.cdse.deleted.append(
            {
                "Name": FOLDER,
                "Id": TILE.cdse_id or "",
                "DeletionDate": "2025-08-11T00:00:00.000Z",
                "DeletionCause": "Obsolete processing baseline",
            }
        )

    def asked(self) -> tuple[int, int]:
        """Questions to the catalogue and to the bucket."""
        seen = self.cdse.seen.requests, self.bucket.seen.requests
        return seen[0]["catalogue"], seen[1]["list"]


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    write_product(tmp_path / "archive")
    with (
        CdseServer(tmp_path / "archive") as cdse,
        BucketServer(tmp_path / "archive") as bucket,
    ):
        yield Setup(cdse, bucket, tmp_path)


class TestTileIds:
    """What ``tile_ids`` says."""

    def test_the_second_source_is_not_asked_where_the_first_has_it(self, setup) -> None:
        status = setup.ids().facts
        assert status.sources == {"cdse": "has it", "gcs": "not asked"}
        assert (status.online, status.gone_since) == (True, "")
        assert setup.asked() == (1, 0)

    def test_a_product_that_is_gone_is_told_with_all_that_is_known(self, setup) -> None:
        write_product(setup.folder / "newer", NEWER)
        setup.cdse.products += CdseServer(setup.folder / "newer").products
        setup.delete_from_cdse()
        status = setup.ids().facts
        assert status.id == TILE.cdse_id
        assert (status.online, status.name) == (False, FOLDER)
        assert status.gone_since == "2025-08-11T00:00:00.000Z"
        assert status.gone_because == "Obsolete processing baseline"
        assert status.replaced_by == (f"{NEWER}.SAFE",)
        assert status.sources["cdse"].startswith("gone: ")
        assert status.sources["gcs"] == "has it"

    def test_a_catalogue_that_is_silent_is_unknown_and_fails_nothing(
        self, setup
    ) -> None:
        setup.settings["CDSE_CATALOGUE_URL"] = f"{CLOSED}/odata/v1"
        status = setup.ids().facts
        assert status.sources["cdse"].startswith("unknown: ")
        assert status.sources["gcs"] == "has it"
        assert status.id == TILE.cdse_id

    @pytest.mark.parametrize("piece", [b"", b"H"], ids=["silent", "dripping"])
    def test_a_source_without_an_answer_in_time_is_unknown(
        self, setup, monkeypatch, piece
    ) -> None:
        """A time limit between two bytes does not end one that drips."""
        assert LOOK_SECONDS == 5
        monkeypatch.setattr("resources.product_sources.LOOK_SECONDS", 0.3)
        with dripping_server(piece) as url:
            setup.settings["CDSE_CATALOGUE_URL"] = f"{url}/odata/v1"
            sources = Sources.from_settings(setup.all_settings, setup.log.append)
            answer = ask_briefly(sources.sources[0], NAME)
        assert answer.says == "unknown: no answer in 0.3 s"
        assert answer.is_unknown

    def test_it_fails_only_if_no_source_has_it(self, setup) -> None:
        setup.delete_from_cdse()
        setup.bucket.objects.clear()
        with pytest.raises(ProductGone, match=r"deleted on 2025.*gcs \[gone\]") as told:
            setup.ids()
        assert "BEN_L1C_DIR" in str(told.value)
        assert "Obsolete processing baseline" in str(told.value)

    def test_what_a_later_try_can_mend_is_transient(self, setup) -> None:
        setup.delete_from_cdse()
        setup.settings["BEN_GCS_URL"] = f"{CLOSED}/bucket"
        with pytest.raises(ServiceUnavailable, match=r"cdse \[gone\].*gcs \[transient"):
            setup.ids()

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_bucket_that_is_closed_is_an_error_that_may_pass(
        self, setup, status
    ) -> None:
        """Nobody logs in there, so no log-in of this machine is at fault."""
        setup.delete_from_cdse()
        setup.bucket.script.add("list", Fault(status=status))
        with pytest.raises(ServiceUnavailable, match=rf"gcs \[transient.*{status}"):
            setup.ids()

    def test_another_baseline_is_never_taken(self, setup) -> None:
        write_product(setup.folder / "newer", NEWER)
        setup.bucket.objects.clear()
        setup.bucket.add_zip(setup.folder / "newer" / f"{NEWER}.zip")
        setup.delete_from_cdse()
        with pytest.raises(ProductGone, match="no files at"):
            setup.ids()

    @pytest.mark.parametrize("order", ["gcs,cdse", "gcs", "GCS cdse"])
    def test_the_order_is_that_of_the_setting(self, setup, order) -> None:
        setup.settings["BEN_L1C_SOURCES"] = order
        status = setup.ids().facts
        assert next(iter(status.sources.items())) == ("gcs", "has it")
        assert setup.asked() == (0, 1)

    def test_an_unknown_source_is_a_matter_of_the_setting(self, setup) -> None:
        setup.settings["BEN_L1C_SOURCES"] = "cdse,aws"
        with pytest.raises(BenError, match=r"expected some of cdse, gcs"):
            setup.ids()

    def test_the_published_table_of_ids_keeps_a_tile_that_is_gone(self, setup) -> None:
        setup.delete_from_cdse()
        setup.ids()
        record = make_tile_id_csv(setup.ctx)
        table = setup.folder / "data" / "tile_id_csv" / record.outputs[0]
        assert table.read_text() == f"tile,id\n{FOLDER},{TILE.cdse_id}\n"


class TestL1cZips:
    """Where ``l1c_zips`` takes a product from."""

    def test_a_product_that_is_gone_comes_from_the_bucket(self, setup) -> None:
        setup.delete_from_cdse()
        setup.ids()
        facts = setup.zip().facts
        assert facts.source == "gcs"
        assert facts.sources["cdse"].startswith("gone: ")
        assert facts.sources["gcs"] == "has it"
        assert facts.packed_here is True
        assert {n: m.sha256 for n, m in facts.members.items()} == {
            n: hashlib.sha256(c).hexdigest() for n, c in product_files().items()
        }

    def test_cdse_gives_what_it_has(self, setup) -> None:
        setup.ids()
        facts = setup.zip().facts
        assert (facts.source, facts.packed_here) == ("cdse", False)
        assert setup.asked()[1] == 0

    def test_a_product_that_went_since_comes_from_the_bucket(self, setup) -> None:
        setup.ids()
        setup.delete_from_cdse()
        facts = setup.zip().facts
        assert facts.source == "gcs"
        assert facts.sources["cdse"].startswith("gone: ")

    @pytest.mark.parametrize(
        ("fault", "word"),
        [(Fault(status=404), "gone"), ("503", "unknown")],
        ids=["404", "503"],
    )
    def test_it_moves_on_where_cdse_cannot_deliver(self, setup, fault, word) -> None:
        setup.ids()
        setup.cdse.script.add("download", fault, times=99)
        facts = setup.zip().facts
        assert facts.source == "gcs"
        assert facts.sources["cdse"].startswith(f"{word}: ")

    def test_it_moves_on_where_cdse_has_it_incomplete(self, setup) -> None:
        setup.ids()
        files = product_files()
        del files[BAND]
        write_zip(setup.cdse.product(NAME).path, files)
        facts = setup.zip().facts
        assert facts.source == "gcs"
        assert f"{BAND}: missing" in facts.sources["cdse"]

    @pytest.mark.parametrize("fault", ["missing object", "manifest missing"])
    def test_it_moves_on_where_the_bucket_has_it_incomplete(self, setup, fault) -> None:
        setup.settings["BEN_L1C_SOURCES"] = "gcs,cdse"
        setup.ids()
        LASTING[fault](setup.bucket, FOLDER, BAND)
        facts = setup.zip().facts
        assert facts.source == "cdse"
        assert facts.sources["gcs"].startswith("incomplete: ")

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(status=403),
            Fault(status=302, headers={"Location": "https://example.org/x"}),
        ],
        ids=["closed", "elsewhere"],
    )
    def test_it_moves_on_where_the_bucket_lists_but_refuses(self, setup, fault) -> None:
        setup.settings["BEN_L1C_SOURCES"] = "gcs,cdse"
        setup.ids()
        setup.bucket.script.add("object", fault, times=99)
        facts = setup.zip().facts
        assert facts.source == "cdse"
        assert facts.sources["gcs"].startswith("unknown: ")

    def test_it_does_not_move_on_with_a_wrong_address(self, setup) -> None:
        setup.settings["BEN_L1C_SOURCES"] = "gcs,cdse"
        setup.ids()
        setup.settings["BEN_GCS_URL"] = "http://example.org/bucket"
        with pytest.raises(AccessRefused, match="expected https"):
            setup.zip()

    def test_it_does_not_move_on_with_a_wrong_password(self, setup) -> None:
        setup.ids()
        setup.settings["CDSE_PASSWORD"] = "wrong"
        with pytest.raises(AccessRefused, match="log-in refused"):
            setup.zip()
        assert setup.asked()[1] == 0

    def test_it_does_not_move_on_with_a_full_disk(self, setup, monkeypatch) -> None:
        setup.ids()
        monkeypatch.setattr("resources.data_root.files._SPARE_BYTES", 1 << 60)
        with pytest.raises(LocalResourceError, match="MiB free"):
            setup.zip()
        assert setup.asked()[1] == 0

    def test_a_zip_packed_here_is_left_out_of_the_table_of_zips(self, setup) -> None:
        """Its digest would stand under an id of CDSE that never had such a zip."""
        setup.delete_from_cdse()
        setup.ids()
        setup.zip()
        record = make_l1c_hash_csv(setup.ctx)
        assert (record.facts.rows, record.facts.left_out) == (0, 1)

    def test_each_source_that_failed_is_named(self, setup) -> None:
        setup.ids()
        setup.cdse.script.add("download", Fault(status=404), times=99)
        LASTING["missing object"](setup.bucket, FOLDER, BAND)
        with pytest.raises(ProductGone, match=rf"cdse \[gone\].*gcs.*{BAND}: missing"):
            setup.zip()
        assert not (setup.folder / "data" / "l1c_zips" / f"{TILE.key}.zip").exists()

    def test_a_row_of_another_baseline_replaces_the_zip(self, setup) -> None:
        """Neither the zip nor the id of the product that the row named before does."""
        setup.ids()
        old = setup.zip()
        path = setup.folder / "data" / "l1c_zips" / f"{TILE.key}.zip"
        setup.bucket.add_zip(write_product(setup.folder / "newer", NEWER))
        tile = Tile(NEWER)
        with pytest.raises(MissingInput, match=f"no id of {NEWER} on disk"):
            make_l1c_zip(tile, setup.ctx)
        assert product_of_zip(path) == NAME
        assert setup.ctx.storage.require("l1c_zips", TILE.key) == old
        make_tile_id(tile, setup.ctx)
        make_l1c_zip(tile, setup.ctx)
        assert product_of_zip(path) == NEWER
        said = f"l1c_zips has {NAME}, the tile's row names {NEWER}: no longer used"
        assert said in setup.log

    def test_a_new_id_of_the_product_leaves_the_zip_and_nothing_stale(
        self, setup
    ) -> None:
        setup.ids()
        old = setup.zip()
        path = setup.folder / "data" / "l1c_zips" / f"{TILE.key}.zip"
        inode = path.stat().st_ino
        setup.cdse.product(NAME).id = "00000000-1111-2222-3333-444444444444"
        ids = setup.ids()
        storage = setup.ctx.storage
        assert stale_inputs(storage, old)
        kept = setup.zip()
        assert kept == dataclasses.replace(old, made_from={"tile_ids": ids.sha256})
        assert not stale_inputs(storage, kept)
        assert not verify_tile(storage, "l1c_zips", TILE.key, deep=True)
        assert path.stat().st_ino == inode

    def test_tokens_of_cdse_never_reach_the_bucket(self, setup) -> None:
        """By HTTP and by S3, with a download that fails half-way to the bucket."""
        for s3 in (False, True):
            setup.settings = setup.cdse.environment(s3=s3) | {"BEN_FORCE": "1"}
            setup.ids()
            setup.cdse.script.add("download", Fault(status=404), times=1)
            setup.cdse.script.add("s3", Fault(status=404), times=1)
            assert setup.zip().facts.source == "gcs"
        text = json.dumps(setup.bucket.headers) + " ".join(setup.bucket.seen.paths)
        assert setup.bucket.seen.authorizations["bucket"] == set()
        secrets = {*setup.cdse.tokens, *setup.cdse.refresh_tokens, setup.cdse.password}
        assert [one for one in secrets if one in text] == []
        assert "Authorization" not in text


class TestChecks:
    """What is held against what was tracked."""

    def test_a_packed_zip_says_that_it_cannot_be_the_tracked_one(self, setup) -> None:
        setup.delete_from_cdse()
        setup.ids()
        setup.zip()
        result = zip_is_tracked(TILE, setup.ctx)
        assert (result.passed, result.is_warning) == (False, True)
        assert "packed here from the files that gcs has" in str(result)
        assert "cannot have the digest of the tracked zip" in str(result)
        assert "verified by its manifest" in str(result)

    def test_tracked_members_hold_the_next_zip(self, setup) -> None:
        setup.delete_from_cdse()
        setup.ids()
        setup.zip()
        ctx = setup.ctx
        changes = track_tiles(ctx.storage, ctx.settings.tracked_artifacts)
        names = [change.path.name for change in changes]
        # the zip itself is of nobody else, so its digest is no promise
        assert names == [MEMBERS_FILE]
        assert "files equal the tracked ones" in str(zip_is_tracked(TILE, ctx))
        files = product_files()
        files[f"GRANULE/{BAND.split('/')[1]}/MTD_TL.xml"] = b"<Other/>"
        del files["manifest.safe"]
        from ben_assets_tests.support.zip_products import manifest

        setup.bucket.objects.clear()
        setup.bucket.add_product(FOLDER, {**files, "manifest.safe": manifest(files)})
        setup.settings["BEN_FORCE"] = "1"
        setup.zip()
        result = zip_is_tracked(TILE, setup.ctx)
        assert (result.passed, result.is_warning) == (False, False)
        assert any("MTD_TL.xml" in name for name in result.differing)

    def test_members_of_both_sources_are_interchangeable(self, setup) -> None:
        setup.ids()
        setup.zip()
        ctx = setup.ctx
        track_tiles(ctx.storage, ctx.settings.tracked_artifacts)
        setup.settings |= {"BEN_FORCE": "1", "BEN_L1C_SOURCES": "gcs"}
        setup.zip()
        result = zip_is_tracked(TILE, setup.ctx)
        assert result.differing == ()
        assert result.is_warning


class TestPreflight:
    """All tiles and all sources at once."""

    @pytest.fixture
    def tiles(self, setup) -> list[Tile]:
        keys = [other_product(number) for number in range(4)]
        folder = setup.folder / "more"
        for key in keys:
            write_product(folder, key)
        other = CdseServer(folder)
        setup.cdse.products += [other.product(keys[0]), other.product(keys[1])]
        setup.cdse.product(keys[1]).online = False
        for key in (keys[1], keys[2]):
            setup.bucket.add_zip(folder / f"{key}.zip")
        return [Tile(key) for key in keys]

    def test_every_source_is_asked_for_every_tile(self, setup, tiles) -> None:
        report = preflight(tiles, setup.all_settings, setup.log.append)
        assert [row.found_in for row in report.rows] == [["cdse"], ["gcs"], ["gcs"], []]
        assert [row.state for row in report.rows] == [
            "online",
            "elsewhere",
            "elsewhere",
            "gone",
        ]
        assert all(row.size for row in report.rows[:3])
        table = format_preflight(report)
        assert "4 tiles: 3 found (1 in cdse, 2 in gcs), 1 offline and 2 gone" in table
        content = report.as_json()
        assert json.loads(json.dumps(content))["tiles"][1]["found_in"] == ["gcs"]
        assert content["bytes"] == sum(row.size for row in report.rows)
        assert setup.cdse.seen.requests["download"] == setup.cdse.seen.logins == 0

    def test_a_silent_source_is_unknown(self, setup, tiles) -> None:
        setup.settings["BEN_GCS_URL"] = f"{CLOSED}/bucket"
        report = preflight(tiles, setup.all_settings, setup.log.append)
        assert report.rows[0].is_ready
        assert report.rows[0].sources["gcs"].startswith("unknown: ")

    def test_a_source_that_never_answers_is_left_alone(self, setup) -> None:
        setup.settings["CDSE_CATALOGUE_URL"] = f"{CLOSED}/odata/v1"
        many = [Tile(other_product(number)) for number in range(40)]
        report = preflight(many, setup.all_settings, setup.log.append)
        last = report.rows[-1].sources
        assert last["cdse"].startswith("unknown: not asked: ")
        assert last["gcs"].startswith("gone: ")

    def test_the_command_prints_json(self, setup, tiles) -> None:
        tiles_csv = setup.folder / "tiles.csv"
        tiles_csv.write_text("tile\n" + "".join(f"{tile.name}\n" for tile in tiles))
        environment = {
            **setup.all_settings.as_environment(),
            "BEN_TILES_CSV": str(tiles_csv),
            "BEN_TRACKED_TILES": "0",
        }
        words = ("ben_assets.cli", "preflight", "--json")
        done = run_module(*words, environment=environment)
        assert done.code == 1, done.err
        assert len(json.loads(done.out)["tiles"]) == 4


def test_each_source_is_asked_four_questions_at_a_time(setup, monkeypatch) -> None:
    """A question waits for three others, and would fail without them."""
    four = {name: threading.Barrier(4, timeout=30) for name in ("cdse", "gcs")}
    now, most, lock = Counter(), Counter(), threading.Lock()

    def ask(source: Source, product: str) -> SourceAnswer:
        with lock:
            now[source.name] += 1
            most[source.name] = max(most[source.name], now[source.name])
        four[source.name].wait()
        try:
            return ask_briefly(source, product)
        finally:
            with lock:
                now[source.name] -= 1

    monkeypatch.setattr("ben_assets.steps.preflight.ask_briefly", ask)
    tiles = [Tile(other_product(number)) for number in range(12)]
    report = preflight(tiles, setup.all_settings, setup.log.append)
    assert [row.tile for row in report.rows] == [tile.key for tile in tiles]
    assert {row.state for row in report.rows} == {"gone"}
    assert most == {"cdse": 4, "gcs": 4}


def test_an_older_record_of_tile_ids_still_serves(setup) -> None:
    """One that was written before there was a second source."""
    setup.ids()
    facts = setup.ctx.storage.require("tile_ids", TILE.key).facts.as_stored()
    for name in ("gone_since", "gone_because", "replaced_by", "sources"):
        del facts[name]
    status = parse_facts("tile_ids", facts)
    sources = Sources.from_settings(setup.all_settings, setup.log.append)
    fetched = sources.fetch(status, setup.folder / "product.zip")
    assert fetched.source == "cdse"
