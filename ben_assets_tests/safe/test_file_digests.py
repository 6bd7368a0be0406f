"""One reading of a file gives every digest of it."""

from __future__ import annotations

import hashlib

import pytest

from ben_assets.safe.directory_manifest import digest_files, expectations_of
from ben_assets.safe.file_digests import FileDigests
from ben_assets_tests.support.zip_products import product_files

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


@pytest.mark.parametrize("threads", [1, 3])
def test_all_files_of_a_directory_are_proven(threads, tmp_path):
    files = product_files(checksum="MD5")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    expectations = expectations_of(tmp_path)
    digests = digest_files(tmp_path, expectations, [], threads)
    assert {name: one.sha256 for name, one in digests.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    stated = {name: digests[name].checksum for name in expectations}
    assert stated == {name: entry.value for name, entry in expectations.items()}
