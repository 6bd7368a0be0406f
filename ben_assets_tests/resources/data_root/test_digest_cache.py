"""When a digest on file is believed: never where the file may be another by now."""

import hashlib
import json
import os

import pytest

from resources.data_root import digest_cache
from resources.data_root.digest_cache import DigestCache
from resources.data_root.records import seal_of

TEXT = b"A" * 4096


@pytest.fixture(autouse=True)
def hours_later(monkeypatch):
    """All files of the test are large, and were written long ago."""
    later = digest_cache.time.time_ns() + 3600 * 10**9
    monkeypatch.setattr(digest_cache.time, "time_ns", lambda: later)
    monkeypatch.setattr(digest_cache, "_SMALL_BYTES", 0)


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "input.gpkg"
    found.write_bytes(TEXT)
    return found


@pytest.fixture
def entry(tmp_path, path):
    """What the digest of the file was written to."""
    DigestCache(tmp_path).digest(path)
    return tmp_path / ".digests" / "input.gpkg.json"


def right(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def forge(entry, *, is_sealed):
    content = json.loads(entry.read_text())
    content["found"] = "0" * 64
    if is_sealed:
        del content["seal"]
        content["seal"] = seal_of(content)
    entry.write_text(json.dumps(content))


def test_a_file_that_stays_is_read_once_for_all_processes(tmp_path, path, entry):
    forge(entry, is_sealed=True)
    assert DigestCache(tmp_path).digest(path) == "0" * 64


def test_who_verifies_reads_the_file_whatever_is_on_file(tmp_path, path, entry):
    forge(entry, is_sealed=True)
    assert DigestCache(tmp_path, reads_anew=True).digest(path) == right(path)
    assert DigestCache(tmp_path).digest(path) == right(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: forge(entry, is_sealed=False),
        lambda entry: entry.write_text("[" * 100_000),
        lambda entry: entry.write_text("[]"),
        lambda entry: entry.write_text("null"),
        lambda entry: entry.write_bytes(b"\xff"),
        lambda entry: (entry.unlink(), os.mkfifo(entry)),
    ],
    ids=["digest changed", "deep", "list", "null", "no text", "FIFO"],
)
def test_a_damaged_entry_is_made_anew(tmp_path, path, entry, damage):
    damage(entry)
    assert DigestCache(tmp_path).digest(path) == right(path)
    assert json.loads(entry.read_text())["found"] == right(path)


def test_without_a_place_for_an_entry_the_file_is_read(tmp_path, path, entry):
    entry.unlink()
    entry.mkdir()
    assert DigestCache(tmp_path).digest(path) == right(path)


def test_an_edit_in_place_that_keeps_size_and_time_is_seen(tmp_path, path, entry):
    cache, status = DigestCache(tmp_path), path.stat()
    assert cache.digest(path) == right(path)
    with path.open("r+b") as file:
        file.write(b"B")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cache.digest(path) == DigestCache(tmp_path).digest(path) == right(path)


def test_a_file_in_the_place_of_another_is_read(tmp_path, path, entry):
    other, status = tmp_path / "other", path.stat()
    other.write_bytes(b"B" * len(TEXT))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert DigestCache(tmp_path).digest(path) == right(path)


def test_of_a_file_that_was_just_written_nothing_is_remembered(
    tmp_path, path, monkeypatch
):
    """It may change again without other times, as those of FAT are 2 s apart."""
    just_now = path.stat().st_ctime_ns + 10**9
    monkeypatch.setattr(digest_cache.time, "time_ns", lambda: just_now)
    cache = DigestCache(tmp_path)
    assert cache.digest(path) == right(path)
    assert not (tmp_path / ".digests").exists()


def test_a_small_file_is_read_by_each_process(tmp_path, path, entry, monkeypatch):
    forge(entry, is_sealed=True)
    monkeypatch.setattr(digest_cache, "_SMALL_BYTES", len(TEXT))
    assert DigestCache(tmp_path).digest(path) == right(path)


def test_what_a_file_passed_once_it_need_not_pass_again(tmp_path, path):
    calls = []
    for _ in range(2):
        DigestCache(tmp_path).verified(path, "index", lambda: calls.append(1))
    assert calls == [1]
    path.write_bytes(b"another")
    DigestCache(tmp_path).verified(path, "index", lambda: calls.append(1))
    assert calls == [1, 1]
