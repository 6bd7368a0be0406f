from __future__ import annotations

import hashlib
import zipfile

import pytest

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.validation.hash_lists import hash_l1c, hash_tiffs, write_hash_list
from ben_assets_tests.support.shared import SHARED, needs_shared
from resources.data_root.bulk_hashing import hash_files


def test_files_are_hashed_in_their_order_and_lost_ones_are_none(tmp_path):
    paths = []
    for number in range(600):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(bytes([number % 256]) * number)
        paths.append(str(path))
    (tmp_path / "5.bin").unlink()
    expected = [
        hashlib.sha256(bytes([n % 256]) * n).hexdigest() if n != 5 else None
        for n in range(600)
    ]
    assert list(hash_files(paths)) == expected
    assert list(hash_files([])) == []


def test_all_geotiffs_of_a_tree_are_listed_by_name(tmp_path):
    for name in ("b/x_B02.tif", "a/c/x_B01.tiff", "notes.txt"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    digests = hash_tiffs(tmp_path / "tree")
    digest = write_hash_list(digests, tmp_path / "out.csv", has_digest=True)
    first = hashlib.sha256(b"a/c/x_B01.tiff").hexdigest()
    second = hashlib.sha256(b"b/x_B02.tif").hexdigest()
    text = f"name,hash-sha256\nx_B01,{first}\nx_B02,{second}\n"
    assert (tmp_path / "out.csv").read_text() == text
    assert (tmp_path / "out.csv.sha256").read_text() == digest
    assert digest == hashlib.sha256(text.encode()).hexdigest()


def test_two_geotiffs_of_one_name_and_none_at_all_are_refused(tmp_path):
    with pytest.raises(MissingInput, match="found none"):
        hash_tiffs(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.tif").write_bytes(b"")
    with pytest.raises(InvalidInput, match="x in two folders"):
        hash_tiffs(tmp_path)


def test_damaged_zips_are_named_and_left_out(tmp_path):
    for name, content in (("1.out", b"content"), ("2.out", b"another content")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("file", content)
    corrupt = bytearray((tmp_path / "2.out").read_bytes())
    corrupt[corrupt.index(b"another")] ^= 1
    (tmp_path / "2.out").write_bytes(bytes(corrupt))
    (tmp_path / "3.out").write_bytes(b"<html>")
    digests, damaged = hash_l1c(tmp_path)
    content = (tmp_path / "1.out").read_bytes()
    assert digests == {"1.out": hashlib.sha256(content).hexdigest()}
    assert ["2.out" in damaged[0], "3.out" in damaged[1]] == [True, True]


@needs_shared
def test_a_hash_list_is_written_as_the_original_writes_it(tmp_path):
    expected = SHARED / "worlds" / "a" / "expected" / "patch_hashes.csv"
    rows = [line.split(",") for line in expected.read_text().splitlines()[1:]]
    digests = dict(reversed(rows))
    write_hash_list(digests, tmp_path / "patch_hashes.csv", has_digest=True)
    for name in ("patch_hashes.csv", "patch_hashes.csv.sha256"):
        assert (tmp_path / name).read_bytes() == (expected.parent / name).read_bytes()
