"""How often a product zip is read once it has arrived, by the system's own count."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import CorruptProduct
from ben_assets.safe.zips import extract_product
from ben_assets_tests.support.zip_products import NAME, product_files, write_product
from resources.cdse.catalogue import CatalogueEntry
from resources.data_root.facts import State
from resources.imported import import_l1c
from resources.transfers.delivery import Delivered, Digests, deliver
from resources.transfers.retrier import OwnPause, Retrier
from resources.transfers.timeouts import Timeouts

BAND_BYTES = 400_000


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Path:
    return write_product(tmp_path_factory.mktemp("l1c"), band_bytes=BAND_BYTES)


def entry_of(path: Path) -> CatalogueEntry:
    digests = Digests(["MD5", "BLAKE3"])
    digests.update(path.read_bytes())
    return CatalogueEntry(
        id="an-id",
        name=f"{NAME}.SAFE",
        size=path.stat().st_size,
        checksums={n: v for n, v in digests.hexdigests().items() if n != "SHA256"},
        online=True,
        published="",
        modified="",
        s3_path="",
    )


def times_read(path: Path, action: Callable[[], object]) -> float:
    """Bytes that this process reads in the action, as a multiple of a file's."""
    action()  # imports read files, too
    before = bytes_read()
    action()
    return (bytes_read() - before) / path.stat().st_size


def bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def test_a_downloaded_zip_is_read_once_by_all_its_checks(product, tmp_path) -> None:
    entry, path = entry_of(product), tmp_path / "a.zip"
    shutil.copyfile(product, path)
    arriving = Digests(entry.checksums)
    arriving.update(path.read_bytes())
    delivered = Delivered(path.stat().st_size, arriving.hexdigests())
    timeouts = Timeouts()

    def fetched() -> None:
        retrier = Retrier(timeouts, OwnPause(timeouts), print)
        found = deliver(lambda: delivered, NAME, entry, path, retrier, print)
        assert {found.checks[n].state for n in entry.checksums} == {State.VERIFIED}

    assert times_read(path, fetched) < 1.2


def test_an_imported_zip_is_read_once_as_source_and_once_as_copy(
    product, tmp_path
) -> None:
    entry, target = entry_of(product), tmp_path / "a.zip"
    read = times_read(product, lambda: import_l1c([product], target, NAME, entry))
    assert read < 2.2


def test_a_zip_is_unpacked_and_compared_with_its_record_at_one_reading(
    product, tmp_path
) -> None:
    _, found = import_l1c([product], tmp_path / "a.zip", NAME, None)
    expected = {name: one.sha256 for name, one in found.product.members.items()}

    def unpack() -> None:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        extract_product(tmp_path / "a.zip", tmp_path / "out", expected=expected)

    assert times_read(product, unpack) < 1.2


@pytest.mark.parametrize("change", ["content", "less", "more"])
def test_other_files_than_in_the_record_are_not_unpacked(product, tmp_path, change):
    _, found = import_l1c([product], tmp_path / "a.zip", NAME, None)
    expected = {name: one.sha256 for name, one in found.product.members.items()}
    if change == "content":
        expected["INSPIRE.xml"] = "0" * 64
    elif change == "less":
        del expected["INSPIRE.xml"]
    else:
        expected["INSPIRE.txt"] = "0" * 64
    with pytest.raises(CorruptProduct, match=r"INSPIRE.*expected|expected.*INSPIRE"):
        extract_product(tmp_path / "a.zip", tmp_path / "out", expected=expected)
    assert not (tmp_path / "out" / f"{NAME}.SAFE").exists()


def test_digests_are_of_all_bytes_in_their_order() -> None:
    files = product_files()
    together, apart = Digests(["MD5", "XXH3"]), Digests(["MD5"])
    together.update(b"".join(files.values()))
    for content in files.values():
        apart.update(content)
    assert together.hexdigests() == apart.hexdigests()
    assert sorted(together.hexdigests()) == ["MD5", "SHA256"]
