"""One reading of a file gives every digest of it."""

from __future__ import annotations

import hashlib

import pytest

from ben_assets.bigearthnet.errors import CorruptProduct
from ben_assets.safe.directory_manifest import (
    digest_files,
    expectations_of,
    verify_directory,
)
from ben_assets.safe.file_digests import FileDigests
from ben_assets_tests.support.zip_products import NAME, band_path, product_files

CONTENT = bytes(range(256)) * 5


@pytest.mark.parametrize("chunk", [1, 7, 256, 5_000])
@pytest.mark.parametrize("part", [(0, 1280), (3, 500), (256, 256), (1279, 1), (9, 0)])
def test_digests_do_not_depend_on_the_pieces(chunk, part):
    pieces = (CONTENT[i : i + chunk] for i in range(0, len(CONTENT), chunk))
    found = FileDigests.of(pieces, "SHA3-256", part)
    start, length = part
    assert found == FileDigests(
        len(CONTENT),
        hashlib.sha256(CONTENT).hexdigest(),
        hashlib.sha3_256(CONTENT).hexdigest(),
        hashlib.sha256(CONTENT[start : start + length]).hexdigest(),
    )


def test_no_checksum_without_a_known_algorithm():
    assert FileDigests.of([CONTENT], "WHIRLPOOL").checksum == ""
    assert FileDigests.of([CONTENT]).checksum == ""


def unpack(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("threads", [1, 3])
def test_all_files_of_a_directory_are_proven(threads, tmp_path):
    files = product_files(checksum="MD5")
    unpack(tmp_path, files)
    expectations = expectations_of(tmp_path)
    digests = digest_files(tmp_path, expectations, [], threads)
    assert {name: one.sha256 for name, one in digests.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    stated = {name: digests[name].checksum for name in expectations}
    assert stated == {name: entry.value for name, entry in expectations.items()}


def test_band_rasters_of_a_directory_must_be_as_declared_others_are_reported(tmp_path):
    band, unknown = band_path(NAME, "B02"), band_path(NAME, "B8A")
    files = product_files()
    unpack(tmp_path, files | {"INSPIRE.xml": b"<later/>"})
    declared = expectations_of(tmp_path)
    report = verify_directory(
        tmp_path, declared, digest_files(tmp_path, declared, [], 1)
    )
    assert report.rewritten == ("INSPIRE.xml",)
    assert band in report.verified
    assert "INSPIRE.xml" not in report.verified
    unpack(tmp_path, {band: files[band][:-1] + b"!"})
    del declared[unknown]
    found = digest_files(tmp_path, declared, [], 1)
    with pytest.raises(CorruptProduct, match=r"in 2 band raster") as error:
        verify_directory(tmp_path, declared, found)
    assert f"{unknown}: unknown to it" in str(error.value)
    assert f"{band}: expected" in str(error.value)
