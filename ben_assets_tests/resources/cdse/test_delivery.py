"""Wrong or damaged bytes: what is accepted, what is refused, what the record says."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    ChangedUpstream,
    CorruptProduct,
    ProductGone,
    QuotaExceeded,
    UnsafeZip,
)
from ben_assets.testing.cdse_faults import Fault
from ben_assets.testing.cdse_server import CdseServer
from ben_assets.testing.cdse_state import S3_ACCESS_KEY, S3_SECRET_KEY
from ben_assets_tests.resources.conftest import NOTICES_SILENCE, times_of
from ben_assets_tests.support.zip_products import (
    NAME,
    band_path,
    manifest,
    product_files,
    write_zip,
)
from resources.cdse.session import one_time_code
from resources.transfers.download import Progress

S3 = {"CDSE_S3_ACCESS_KEY": S3_ACCESS_KEY, "CDSE_S3_SECRET_KEY": S3_SECRET_KEY}


def replace_zip(server: CdseServer, files: dict[str, bytes]) -> None:
    """Have the service deliver something else than its catalogue says."""
    write_zip(server.product(NAME).path, files)


def states(verified) -> dict[str, str]:
    return {name: str(check.state) for name, check in verified.checks.items()}


def test_every_promise_that_holds_is_named(desk) -> None:
    assert states(desk().fetch()) == dict.fromkeys(
        ("length", "MD5", "BLAKE3", "zip", "manifest"), "verified"
    )


def test_what_the_service_does_not_promise_is_unverifiable(desk, server) -> None:
    product = server.product(NAME)
    product.size, product.checksums = 0, []
    verified = desk().fetch()
    assert states(verified) == {
        "length": "unverifiable",
        "checksum": "unverifiable",
        "zip": "verified",
        "manifest": "verified",
    }
    assert server.seen.requests["download"] == 1


def test_an_unknown_algorithm_is_unverifiable(desk, server) -> None:
    server.product(NAME).checksums.append({"Algorithm": "XXH3", "Value": "0"})
    verified = desk().fetch()
    assert states(verified)["XXH3"] == "unverifiable"
    assert not verified.stale


@pytest.mark.parametrize("wrong", ["MD5", "BLAKE3", "length"])
def test_a_stale_promise_is_accepted_when_the_same_bytes_come_twice(
    desk, server, wrong
) -> None:
    product = server.product(NAME)
    if wrong == "length":
        product.size += 1
    for row in product.checksums:
        if row["Algorithm"] == wrong:
            row["Value"] = "00" + row["Value"][2:]
    one = desk()
    verified = one.fetch()
    one.require_right_bytes()
    assert list(verified.stale) == [wrong]
    assert server.seen.requests["download"] == 2
    assert any("not as the catalogue says" in line for line in one.log)


def test_a_repacked_zip_with_new_files_is_changed_upstream(desk, server) -> None:
    replace_zip(server, product_files() | {"preview.jp2": b"new", "HTML/x.html": b"n"})
    verified = desk().fetch()
    assert set(verified.stale) == {"length", "MD5", "BLAKE3"}
    assert verified.product.unknown == ("HTML/x.html", "preview.jp2")
    assert verified.product.unproven_images == ()


def test_changed_pixels_under_an_old_manifest_are_refused(desk, server) -> None:
    changed = band_path(NAME, "B04")
    replace_zip(server, product_files() | {changed: b"other pixels"})
    with pytest.raises(CorruptProduct, match=rf"{changed}.*same bytes came twice"):
        desk().fetch()


def test_another_product_under_the_id_is_refused(desk, server) -> None:
    other = NAME.replace("33UUP", "33UVP")
    write_zip(server.product(NAME).path, product_files(other), other)
    with pytest.raises(CorruptProduct, match=f"expected the product {NAME}, found"):
        desk().fetch()


def test_a_zip_that_differs_each_time_is_never_accepted(desk, server) -> None:
    zips = []
    for seed in range(4):
        path = desk().folder / f"{seed}.zip"
        zips.append(write_zip(path, product_files(seed=seed + 1)).read_bytes())
    server.script.add("download", *(Fault(body=content) for content in zips))
    with pytest.raises(ChangedUpstream, match="never twice the same"):
        desk().fetch()


def test_a_longer_body_is_never_accepted(desk, server) -> None:
    server.script.add("download", Fault(extra=b"more"), times=2)
    with pytest.raises(UnsafeZip, match=r"other bytes follow.*came twice"):
        desk().fetch()


@pytest.mark.parametrize("name", ["../../evil", "/evil", "GRANULE/../../../evil"])
def test_a_harmful_zip_is_refused(desk, server, name) -> None:
    replace_zip(server, product_files() | {name: b"evil"})
    with pytest.raises(CorruptProduct, match="nothing was unpacked"):
        desk().fetch()


def test_a_product_with_its_pixels_and_manifest_changed_is_reported(
    desk, server
) -> None:
    files = product_files(seed=7)
    del files["manifest.safe"]
    replace_zip(server, {**files, "manifest.safe": manifest(files)})
    assert set(desk().fetch().stale) == {"MD5", "BLAKE3"}


class TestS3:
    """The other route: files of the bucket, packed here."""

    def test_the_tree_becomes_the_same_product(self, desk, server) -> None:
        one = desk(**S3)
        verified = one.fetch()
        assert set(verified.product.members) == set(product_files())
        assert states(verified) == {
            "length": "unverifiable",
            "checksum": "unverifiable",
            "zip": "verified",
            "manifest": "verified",
            "bucket": "verified",
        }
        assert (server.seen.logins, server.seen.requests["download"]) == (0, 0)
        assert desk(**S3).fetch().sha256 == verified.sha256
        assert [path.name for path in one.folder.glob("product*")] == ["product.zip"]

    @pytest.mark.parametrize("fault", ["503", "reset", "stall", Fault(status=429)])
    def test_a_passing_fault_is_survived(self, desk, server, fault) -> None:
        for _ in range(times_of(fault, 3)):
            server.script.add("s3", Fault(), fault)
        assert states(desk(**S3, **NOTICES_SILENCE).fetch())["manifest"] == "verified"

    def test_refused_keys_are_named(self, desk) -> None:
        with pytest.raises(AccessRefused, match="CDSE_S3_SECRET_KEY"):
            desk(CDSE_S3_ACCESS_KEY="other", CDSE_S3_SECRET_KEY="x").fetch()

    def test_a_path_without_files_is_gone(self, desk, server) -> None:
        one = desk(**S3)
        entry = one.cdse.find(NAME)
        server.products.clear()
        with pytest.raises(ProductGone, match="tile_ids again"):
            one.cdse.fetch(entry.name, one.target, entry)

    def test_lasting_refusals_for_load_are_quota(self, desk, server) -> None:
        server.script.add("s3", Fault(status=429), times=100)
        with pytest.raises(QuotaExceeded, match="SlowDown"):
            desk(**S3).fetch()

    def test_a_changed_file_is_found(self, desk, server) -> None:
        replace_zip(server, product_files() | {band_path(NAME, "B01"): b"x"})
        with pytest.raises(CorruptProduct, match=r"B01\.jp2"):
            desk(**S3).fetch()


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[str]:
    """An S3 server that checks requests as the real one does."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def test_the_route_works_with_an_s3_server_that_is_not_ours(
    desk, server, moto, monkeypatch
) -> None:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=moto,
        aws_access_key_id=S3_ACCESS_KEY,
        aws_secret_access_key=S3_SECRET_KEY,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="eodata")
    prefix = server.product(NAME).s3_prefix
    for name, content in product_files().items():
        client.put_object(Bucket="eodata", Key=f"{prefix}/{name}", Body=content)
    monkeypatch.setattr("resources.cdse.download.REGION", "us-east-1")
    verified = desk(**S3, CDSE_S3_URL=moto).fetch()
    assert states(verified)["manifest"] == "verified"


class TestSecrets:
    """Goal 3: no secret outside the allowed hosts, in addresses, logs or errors."""

    def test_nothing_that_is_said_holds_a_secret(self, desk, server, caplog) -> None:
        caplog.set_level(logging.DEBUG)
        one = desk(CDSE_TOTP_SECRET="GEZDGNBVGY3TQOJQ")
        password = one.environment["CDSE_PASSWORD"]
        echo = json.dumps({"code": "X", "message": f"you sent {password}"}).encode()
        server.expected_code = lambda: one_time_code("GEZDGNBVGY3TQOJQ", time.time())
        server.script.add("download", "503", "html", "reset", "expired token", "429")
        server.script.add("token", Fault(status=503, body=echo))
        said = []
        for times in (1, 99):
            try:
                one.fetch()
            except BenError as error:
                said.append(f"{error!r} {error.__context__!r} {error.__cause__!r}")
            server.script.add("download", Fault(status=401, body=echo), times=times)
        said += [*one.log, *server.seen.paths, repr(one.cdse._access), caplog.text]
        text = "\n".join(said)
        assert len(server.seen.authorizations["download"]) >= 1
        bearers = {one.split()[1] for one in server.seen.authorizations["download"]}
        for secret in (password, "GEZDGNBVGY3TQOJQ", *bearers, *server.refresh_tokens):
            assert secret not in text

    def test_only_the_hosts_that_need_it_get_a_secret(self, desk, server) -> None:
        one = desk()
        one.fetch()
        desk(**S3).fetch()
        assert server.seen.authorizations["catalogue"] == set()
        assert server.seen.authorizations["unrelated"] == set()
        assert not any(
            "Bearer" in header for header in server.seen.authorizations["s3"]
        )
        assert not any(S3_SECRET_KEY in h for h in server.seen.authorizations["s3"])


def test_progress_is_said_at_most_every_ten_seconds() -> None:
    lines: list[str] = []
    now = 0.0
    progress = Progress("tile", 1000_000_000, lines.append, lambda: now)
    for step in range(1, 101):
        now = step * 0.5
        progress(step * 10_000_000)
    assert len(lines) == 5
    assert lines[0] == "tile: 200 MB, 20.0 MB/s, 20 %, 40 s left"


def test_the_client_needs_no_dagster_and_no_raster_library() -> None:
    """It is used by other programs too, and a process that downloads stays small."""
    code = (
        "import sys, resources.cdse; "
        "print({'dagster', 'rasterio', 'pandas', 'botocore'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
