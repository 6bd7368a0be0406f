"""Google's bucket on loopback: its quirks, thirteen faults, and what is accepted."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    ChangedUpstream,
    CorruptProduct,
    ProductGone,
    QuotaExceeded,
    ServiceUnavailable,
)
from ben_assets.safe.manifest import prove_product
from ben_assets.testing.bucket_faults import LASTING
from ben_assets.testing.bucket_server import BucketObject, BucketServer, prefix_of
from ben_assets.testing.cdse_faults import Fault
from ben_assets_tests.resources.conftest import times_of
from ben_assets_tests.support.shared import SHARED, needs_shared
from ben_assets_tests.support.zip_products import (
    NAME,
    band_path,
    product_files,
    write_product,
    write_zip,
)
from resources.gcs import Gcs, GcsOptions, bucket_prefix
from resources.transfers.delivery import ProvenZip
from resources.transfers.timeouts import Timeouts

FOLDER = f"{NAME}.SAFE"
BAND = band_path(NAME, "B02")
OTHER = NAME.replace("33UUP", "33UVP")
HASTE = Timeouts(
    first_wait_seconds=0.01, longest_wait_seconds=0.01, longest_pause_seconds=5
)
NOTICES_SILENCE = replace(HASTE, stall_seconds=2)
GIVES_UP_AT_ONCE = replace(HASTE, stall_seconds=0.4, give_up_seconds=0)


@dataclass
class Client:
    """A client in a hurry, its log, and where its files go."""

    url: str
    folder: Path
    timeouts: Timeouts = HASTE
    log: list[str] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "product.zip"

    @property
    def gcs(self) -> Gcs:
        options = GcsOptions(self.folder / ".gcs", self.url, self.timeouts)
        return Gcs(options, self.log.append)

    def fetch(self, key: str = NAME) -> ProvenZip:
        return self.gcs.fetch(key, self.target)

    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.target) as archive:
            assert archive.testzip() is None
            return {
                info.filename.partition("/")[2]: archive.read(info)
                for info in archive.infolist()
                if not info.is_dir()
            }


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[BucketServer]:
    write_product(tmp_path / "archive")
    write_product(tmp_path / "archive", OTHER)
    with BucketServer(tmp_path / "archive") as running:
        yield running


@pytest.fixture
def client(bucket: BucketServer, tmp_path: Path) -> Client:
    return Client(bucket.url, tmp_path)


def test_a_product_arrives_whole_and_every_file_is_verified(bucket, client) -> None:
    verified = client.fetch()
    assert client.members() == product_files()
    assert {name: str(c.state) for name, c in verified.checks.items()} == {
        "length": "unverifiable",
        "checksum": "unverifiable",
        "zip": "verified",
        "manifest": "verified",
        "bucket": "verified",
    }
    assert verified.is_packed_here
    assert verified.product.unknown == ()
    assert [path.name for path in client.folder.glob("product*")] == ["product.zip"]


def test_what_only_the_bucket_has_is_left_out_and_listed(bucket, client) -> None:
    verified = client.fetch()
    assert f"{NAME}-ql.jpg" in verified.left_out
    assert "GRANULE_$folder$" in verified.left_out
    assert not any("folder" in name or "-ql" in name for name in client.members())


def test_empty_directories_are_added(client) -> None:
    verified = client.fetch()
    assert "AUX_DATA" in verified.added
    assert "DATASTRIP/DS_1/QI_DATA" in verified.added
    with zipfile.ZipFile(client.target) as archive:
        folders = [name for name in archive.namelist() if name.endswith("/")]
    assert folders == sorted(f"{FOLDER}/{folder}/" for folder in verified.added)


def test_the_same_files_give_the_same_zip(bucket, client, tmp_path) -> None:
    first = client.fetch()
    other = tmp_path / "other"
    other.mkdir()
    bucket.page_size = 3
    assert Client(bucket.url, other).fetch().sha256 == first.sha256


def test_the_members_are_those_that_cdse_delivers(client, tmp_path) -> None:
    client.fetch()
    served = tmp_path / "archive" / f"{NAME}.zip"
    ours, theirs = prove_product(client.target), prove_product(served)
    assert ours.members == theirs.members


def test_a_listing_of_many_pages_is_read_to_its_end(bucket, client) -> None:
    bucket.page_size = 4
    client.fetch()
    assert client.members() == product_files()
    assert bucket.seen.requests["list"] > 5


def test_files_that_the_manifest_does_not_know_are_listed(bucket, client) -> None:
    files = product_files() | {"notes.txt": b"not of ESA"}
    bucket.add_product(FOLDER, dict(files))
    assert client.fetch().product.unknown == ("notes.txt",)


def test_a_product_that_is_not_there_is_gone(client) -> None:
    with pytest.raises(ProductGone, match=r"no files at tiles/33/U/XX/"):
        client.gcs.find(NAME.replace("33UUP", "33UXX"))


def test_an_l2a_product_lies_in_another_tree(bucket, client) -> None:
    key = NAME.replace("MSIL1C", "MSIL2A")
    assert bucket_prefix(key).startswith("L2/tiles/33/U/UP/")
    assert bucket_prefix(key) == f"{prefix_of(key)}/"
    bucket.add_product(f"{key}.SAFE", dict(product_files(key)))
    assert client.fetch(key).product.product == key


EXPECTED: dict[str, tuple[type[BenError], str]] = {
    "missing object": (CorruptProduct, rf"{BAND}: missing"),
    "wrong size": (CorruptProduct, rf"{BAND}: expected \d+ bytes, found 7"),
    "wrong MD5": (CorruptProduct, rf"{BAND}: expected MD5 \w+, found 0000"),
    "truncated listing": (ServiceUnavailable, "cut short and says not how to go on"),
    "paging loop": (CorruptProduct, "does not end: it repeats"),
    "429": (QuotaExceeded, "HTTP 429"),
    "503": (ServiceUnavailable, "HTTP 503"),
    "slow drip": (ServiceUnavailable, "only .* bytes in|timed out"),
    "endless body": (CorruptProduct, "more than the expected"),
    "changed object": (ChangedUpstream, "B02.jp2: changed since it was listed"),
    "HTML with 200": (ServiceUnavailable, r"found a page \(text/html\)"),
    "manifest missing": (CorruptProduct, "has no manifest.safe"),
    "manifest of another product": (CorruptProduct, "otherwise than its own man"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_lasting_fault_is_named_and_nothing_wrong_is_accepted(
    bucket, client, fault
) -> None:
    LASTING[fault](bucket, FOLDER, BAND)
    kind, words = EXPECTED[fault]
    client.timeouts = GIVES_UP_AT_ONCE
    with pytest.raises(kind, match=words):
        client.fetch()


@pytest.mark.parametrize("route", ["list", "object"])
@pytest.mark.parametrize("fault", ["429", "503", "html", "reset", "stall", "short"])
def test_a_passing_fault_costs_another_try(bucket, client, route, fault) -> None:
    client.timeouts = NOTICES_SILENCE
    bucket.script.add(route, fault, times=times_of(fault, 2))
    client.fetch()
    assert client.members() == product_files()


def test_an_object_goes_on_where_it_was_cut(bucket, client) -> None:
    bucket.script.add("object", Fault(), *[Fault(close_after=700)] * 18)
    client.fetch()
    assert set(bucket.seen.ranges) <= {"bytes=700-", "bytes=1400-"}
    assert len(bucket.seen.ranges) >= 10
    assert client.members() == product_files()


@pytest.mark.parametrize(
    "fault",
    [Fault(range_shift=1), Fault(total_shift=1), Fault(ignore_range=True)],
    ids=["shifted", "other total", "ignored"],
)
def test_a_wrong_continuation_starts_over(bucket, client, fault) -> None:
    bucket.script.add("object", Fault(), *[Fault(close_after=700)] * 18, *[fault] * 9)
    client.fetch()
    assert client.members() == product_files()


def test_bytes_that_change_on_the_way_are_fetched_again(bucket, client) -> None:
    bucket.script.add("object", Fault(), Fault(flip_at=5))
    client.fetch()
    assert client.members() == product_files()
    assert any("differs from its own manifest" in line for line in client.log)


def test_an_object_that_changed_once_is_listed_again(bucket, client) -> None:
    bucket.script.add("object", Fault(), Fault(headers={"ETag": '"other"'}))
    client.fetch()
    assert client.members() == product_files()
    assert bucket.seen.requests["list"] == 2


def test_an_object_without_an_md5_is_held_to_the_manifest(bucket, client) -> None:
    bucket.change(FOLDER, BAND, md5="")
    client.fetch()
    bucket.change(FOLDER, BAND, content=b"x" * 1500)
    with pytest.raises(CorruptProduct, match=r"B02\.jp2.*same bytes came twice"):
        client.fetch()


def test_an_object_that_the_manifest_does_not_know_is_held_to_its_md5(
    bucket, client
) -> None:
    bucket.add_product(FOLDER, {**product_files(), "notes.txt": b"not of ESA"})
    bucket.change(FOLDER, "notes.txt", md5=hashlib.md5(b"other").hexdigest())
    with pytest.raises(CorruptProduct, match=r"notes\.txt: expected MD5"):
        client.fetch()


def test_a_listed_object_that_cannot_be_had_is_named(bucket, client) -> None:
    bucket.change(FOLDER, BAND, is_there=False)
    with pytest.raises(ProductGone, match=r"B02\.jp2: HTTP 404"):
        client.fetch()


def test_a_name_that_leaves_the_product_is_refused(bucket, client) -> None:
    bucket.objects[f"{prefix_of(FOLDER)}/../evil"] = bucket.objects[
        f"{prefix_of(FOLDER)}/{BAND}"
    ]
    with pytest.raises(CorruptProduct, match="unsafe names"):
        client.fetch()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html/>",
        b"<ListBucketResult><Contents/></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>elsewhere/x</Key><Size>1</Size></Contents>"
        b"</ListBucketResult>",
        b"\xff\xfe",
    ],
)
def test_what_is_no_listing_is_named(bucket, client, body) -> None:
    bucket.script.add("list", Fault(body=body), times=99)
    with pytest.raises(ServiceUnavailable, match="expected a listing of tiles/33"):
        client.gcs.find(NAME)


def test_a_redirect_to_another_host_is_refused(bucket, client) -> None:
    away = {"Location": "https://example.org/x"}
    bucket.script.add("object", Fault(status=302, headers=away), times=9)
    with pytest.raises(AccessRefused, match="no other host"):
        client.fetch()


def test_an_object_listed_as_empty_gets_no_byte_of_its_neighbours(
    bucket, client
) -> None:
    listed = replace(BucketObject.of(b"more than nothing"), size=0)
    bucket.objects[f"{prefix_of(NAME)}/more.txt"] = listed
    bucket.script.add("object", Fault(without_length=True), times=99)
    with pytest.raises(CorruptProduct, match="more than the expected 0 bytes"):
        client.fetch()


@needs_shared
def test_a_real_product_arrives_equal_to_its_zip(tmp_path) -> None:
    """Real names, manifest and XML of ESA, with every quirk of the bucket."""
    folder = SHARED / "samples" / "safe" / "consistent"
    (path,) = folder.glob("*.zip")
    with BucketServer(folder) as server:
        server.page_size = 20
        client = Client(server.url, tmp_path)
        verified = client.fetch(path.stem)
    assert verified.product.members == prove_product(path).members
    assert verified.product.unknown == prove_product(path).unknown
    assert verified.product.unproven_images == ()


@needs_shared
@pytest.mark.parametrize("fault", LASTING)
def test_no_fault_gets_a_wrong_file_of_a_real_product_in(tmp_path, fault) -> None:
    folder = SHARED / "samples" / "safe" / "consistent"
    (path,) = folder.glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        (band,) = [n for n in archive.namelist() if n.endswith("_B02.jp2")]
    with BucketServer(folder) as server:
        write_zip(tmp_path / "other.zip", product_files())
        server.add_zip(tmp_path / "other.zip")
        LASTING[fault](server, f"{path.stem}.SAFE", band.partition("/")[2])
        # no second try; some megabytes may take longer to come than small files do
        client = Client(
            server.url, tmp_path, replace(GIVES_UP_AT_ONCE, stall_seconds=2)
        )
        kind, words = EXPECTED[fault]
        with pytest.raises(kind, match=words.replace(BAND, r"_B02\.jp2")):
            client.fetch(path.stem)


def test_the_bucket_never_gets_a_header_that_it_does_not_need(bucket, client) -> None:
    client.fetch()
    names = {name for headers in bucket.headers for name in headers}
    assert names <= {"Host", "User-Agent", "Accept-Encoding", "Connection"}


def test_a_full_disk_is_a_matter_of_this_machine(
    client, small_disk: Callable[[str], Path], monkeypatch
) -> None:
    from ben_assets.bigearthnet.errors import LocalResourceError

    monkeypatch.setattr("resources.data_root.files._SPARE_BYTES", 0)
    client.folder = small_disk("size=16k")
    with pytest.raises(LocalResourceError, match="free space"):
        client.fetch()
