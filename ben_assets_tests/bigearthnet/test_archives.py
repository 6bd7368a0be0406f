from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ben_assets.bigearthnet.archive_contents import holds, members
from ben_assets.bigearthnet.archives import (
    Archive,
    Frame,
    Member,
    StoredFrame,
    pack,
)
from ben_assets.bigearthnet.errors import ChecksumMismatch
from ben_assets.bigearthnet.tars import headers, headers_length

GNU_TAR = [
    "tar",
    "--create",
    "--format=gnu",
    "--numeric-owner",
    "--owner=0",
    "--group=0",
    "--mode=0644",
    "--no-recursion",
    "--mtime=@1704067200",
    "--verbatim-files-from",
    "--null",
    "--files-from=-",
]


def path_of_length(length: int) -> str:
    """A path of so many bytes, in folders of legal length."""
    parts = ["d" * 60] * 3
    path = "/".join(["S2", *parts])[: length - 8].rstrip("/")
    return path + "/" + "f" * (length - len(path) - 1)


def make_members(root: Path, contents: dict[str, bytes]) -> list[Member]:
    listed = []
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        listed.append(Member(name, str(path), hashlib.sha256(content).hexdigest()))
    return listed


def pack_one(target: Path, members: Iterable[Member], threads: int = 1) -> Archive:
    """All files as one run."""
    return pack(target, {"": list(members)}, threads=threads)


def gnu_tar(root: Path, names: list[str]) -> bytes:
    """What GNU tar makes of the files, in bytewise order."""
    ordered = b"\0".join(sorted(name.encode() for name in names))
    return subprocess.run(
        GNU_TAR, cwd=root, input=ordered, capture_output=True, check=True
    ).stdout


def unzstd(path: Path) -> bytes:
    return subprocess.run(
        ["zstd", "-dcq", path], capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize("length", [99, 100, 101, 200])
@pytest.mark.parametrize("size", [0, 511, 512, 513, 8192, 8704, 29_196])
def test_a_tar_equals_gnu_tars(tmp_path, length, size):
    name = path_of_length(length)
    assert len(name) == length
    listed = make_members(tmp_path / "in", {name: b"x" * size, "a": b"first"})
    made = pack_one(tmp_path / "t.tar.zst", listed, threads=2)
    tar = unzstd(tmp_path / "t.tar.zst")
    assert tar == gnu_tar(tmp_path / "in", [name, "a"])
    assert made.members == 2
    assert made.tar.bytes == len(tar)
    assert made.tar.sha256 == hashlib.sha256(tar).hexdigest()
    assert made.tar.md5 == hashlib.md5(tar).hexdigest()
    zst = (tmp_path / "t.tar.zst").read_bytes()
    assert made.zst.sha256 == hashlib.sha256(zst).hexdigest()
    assert made.zst.bytes == len(zst)


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.text("abcXYZ_.-019", min_size=1, max_size=130).filter(
            lambda name: name.strip(".") and not name.startswith("-")
        ),
        st.binary(max_size=2000),
        max_size=6,
    )
)
def test_any_files_are_packed_as_gnu_tar_packs_them(tmp_path_factory, contents):
    root = tmp_path_factory.mktemp("tar")
    listed = make_members(root / "in", {f"r/{n}": c for n, c in contents.items()})
    (root / "in").mkdir(exist_ok=True)
    pack_one(root / "t.tar.zst", reversed(listed), threads=1)
    tar = unzstd(root / "t.tar.zst")
    if contents:
        assert tar == gnu_tar(root / "in", [f"r/{name}" for name in contents])
    assert holds(root / "t.tar.zst", listed)
    assert dict(members(root / "t.tar.zst")) == {
        f"r/{name}": content for name, content in contents.items()
    }


@pytest.mark.parametrize("length", [1, 100, 101, 511, 512, 1023, 1024])
def test_headers_are_as_long_as_the_name_says(length):
    assert headers_length("n" * length) == len(headers("n" * length, 7))


def test_an_archive_of_nothing_is_an_empty_tar(tmp_path):
    made = pack_one(tmp_path / "t.tar.zst", [], threads=1)
    assert unzstd(tmp_path / "t.tar.zst") == bytes(10_240)
    assert made.members == 0
    assert list(members(tmp_path / "t.tar.zst")) == []


def test_the_number_of_threads_changes_no_byte(tmp_path):
    contents = {f"f{n}": bytes([n]) * 300_000 for n in range(20)}
    listed = make_members(tmp_path / "in", contents)
    digests = {
        pack_one(tmp_path / f"{n}.zst", listed, threads=n).zst.sha256 for n in (1, 2, 5)
    }
    assert len(digests) == 1


def test_level_and_format_of_the_compression_are_those_of_the_release(tmp_path):
    """Level 6 in the multi-thread format of the pinned zstandard, to the last byte."""
    lines = b"".join(f"{n * n} {n % 97}\n".encode() for n in range(300_000))
    listed = make_members(tmp_path / "in", {"a": lines, "b": lines[::-1]})
    made = pack_one(tmp_path / "t.zst", listed, threads=2)
    assert (made.zst.bytes, made.zst.sha256) == (
        3_567_512,
        "46c9af82267c00274ade3297ae9c7963272e5caae9ad810f821e595974e7517a",
    )


def test_mode_owner_and_time_of_the_files_do_not_matter(tmp_path):
    listed = make_members(tmp_path / "in", {"a": b"1", "b": b"2"})
    before = pack_one(tmp_path / "1.zst", listed, threads=1)
    (tmp_path / "in/a").chmod(0o600)
    (tmp_path / "in/b").touch()
    assert pack_one(tmp_path / "2.zst", listed, threads=1) == before
    with tarfile.open(fileobj=io.BytesIO(unzstd(tmp_path / "2.zst"))) as t:
        info = t.getmember("a")
    assert (info.mode, info.uid, info.gid, info.uname, info.gname, info.mtime) == (
        *(0o644, 0, 0, "", ""),
        1_704_067_200,
    )


def test_a_file_that_changed_after_it_was_made_is_not_packed(tmp_path):
    listed = make_members(tmp_path / "in", {"a": b"1"})
    (tmp_path / "in/a").write_bytes(b"2")
    with pytest.raises(ChecksumMismatch, match=r"in/a: expected sha256 .* materialize"):
        pack_one(tmp_path / "t.zst", listed, threads=1)


def test_a_file_that_is_gone_is_named(tmp_path):
    listed = make_members(tmp_path / "in", {"a": b"1"})
    (tmp_path / "in/a").unlink()
    with pytest.raises(ChecksumMismatch, match=r"in/a: .*found No such file"):
        pack_one(tmp_path / "t.zst", listed, threads=1)


def test_a_fifo_in_the_place_of_a_file_is_named(tmp_path):
    listed = make_members(tmp_path / "in", {"a": b"1"})
    (tmp_path / "in/a").unlink()
    os.mkfifo(tmp_path / "in/a")
    with pytest.raises(ChecksumMismatch, match=r"in/a: .*found a FIFO;"):
        pack_one(tmp_path / "t.zst", listed)


@pytest.mark.parametrize("kept", [0, 10, 0.5, -1], ids=str)
def test_an_archive_cut_short_is_noticed(tmp_path, kept):
    content = b"".join(
        hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(9999)
    )
    pack_one(
        tmp_path / "t.zst", make_members(tmp_path / "in", {"a": content}), threads=1
    )
    whole = (tmp_path / "t.zst").read_bytes()
    end = int(kept * len(whole)) if isinstance(kept, float) else kept
    (tmp_path / "t.zst").write_bytes(whole[:end])
    with pytest.raises(ChecksumMismatch, match=r"t.zst: expected a whole .tar.zst"):
        list(members(tmp_path / "t.zst"))


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_an_archive_that_lacks_whole_frames_is_noticed(tmp_path, frames):
    listed = make_members(tmp_path / "in", {"a/1": b"1", "b/1": b"2"})
    made = pack(tmp_path / "t.zst", {"a/": listed[:1], "b/": listed[1:]}, threads=1)
    ends = [0, *(f.offset + f.bytes for f in made.frames.values())]
    whole = (tmp_path / "t.zst").read_bytes()
    (tmp_path / "t.zst").write_bytes(whole[: ends[frames]])
    with pytest.raises(ChecksumMismatch, match=r"expected a whole .tar.zst"):
        list(members(tmp_path / "t.zst"))
    assert not holds(tmp_path / "t.zst", listed)


FILES = {"a": b"1" * 700, path_of_length(150): b"long", "z": b"", "zz": b"last"}


def other_tars(root: Path) -> dict[str, bytes]:
    """Tars, in words of what makes them others than that of ``FILES``."""

    def tar(contents: dict[str, bytes]) -> bytes:
        made = root / "made"
        shutil.rmtree(made, ignore_errors=True)
        pack_one(root / "o.zst", make_members(made, contents), threads=1)
        return unzstd(root / "o.zst")

    whole = tar(FILES)
    return {
        "a content": tar(FILES | {"a": b"2" * 700}),
        "a size": tar(FILES | {"zz": b"lasts"}),
        "a file more in between": tar(FILES | {"b": b""}),
        "a file more at the end": tar(FILES | {"zzz": b""}),
        "a file less": tar({n: c for n, c in FILES.items() if n != "zz"}),
        "a name": tar({n.replace("zz", "zy"): c for n, c in FILES.items()}),
        "another mode": whole.replace(b"0000644", b"0000755", 1),
        "a byte behind a content": whole[:1300] + b"x" + whole[1301:],
        "a byte at the end": whole[:-1] + b"x",
        "a block more": whole + bytes(512),
        "cut": whole[:1100],
        "empty": b"",
    }


RUNS = {
    "S1/b_": {f"S1/b_{n}/{'d' * 80}/f": bytes([n]) * 70_000 for n in range(9)},
    "S1/B_": {"S1/B_9": b"in front of b: bytes count", "S1/B_10": b""},
    "S2/t/": {f"S2/t/{n}": hashlib.sha256(bytes([n])).digest() * 99 for n in range(50)},
    "S2/u/": {"S2/u/1": b"1" * 2_000_000},
}


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, list[Member]]:
    return {run: make_members(tmp_path / "in", files) for run, files in RUNS.items()}


def stored(path: Path, archive: Archive) -> dict[str, StoredFrame]:
    return {run: StoredFrame(path, frame) for run, frame in archive.frames.items()}


def test_a_run_is_a_frame_and_the_end_of_the_tar_another(tmp_path, runs):
    made = pack(tmp_path / "t.zst", runs, threads=2)
    content, tar, at = (tmp_path / "t.zst").read_bytes(), b"", 0
    assert list(made.frames) == ["S1/B_", "S1/b_", "S2/t/", "S2/u/"]
    for run, frame in made.frames.items():
        packed = content[at : at + frame.bytes]
        found = hashlib.sha256(packed).hexdigest()
        assert frame == Frame(at, len(packed), found, len(RUNS[run])), run
        tar += zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        at += frame.bytes
    end = zstandard.ZstdDecompressor().decompressobj().decompress(content[at:])
    assert set(end) == {0}
    names = [name for files in RUNS.values() for name in files]
    assert tar + end == unzstd(tmp_path / "t.zst") == gnu_tar(tmp_path / "in", names)


def test_frames_of_several_archives_are_joined_to_what_packing_all_gives(
    tmp_path, runs
):
    """By a tile that has all, one that has a part, and files without an archive."""
    whole = pack(tmp_path / "t.zst", runs, threads=2)
    first = pack(
        tmp_path / "1.zst", {r: runs[r] for r in ("S2/u/", "S1/b_")}, threads=1
    )
    second = pack(tmp_path / "2.zst", {"S2/t/": runs["S2/t/"]}, threads=1)
    parts = {
        **stored(tmp_path / "1.zst", first),
        "S1/B_": runs["S1/B_"],
        **stored(tmp_path / "2.zst", second),
    }
    assert pack(tmp_path / "j.zst", parts, threads=2) == whole
    assert (tmp_path / "j.zst").read_bytes() == (tmp_path / "t.zst").read_bytes()
    again = pack(tmp_path / "c.zst", stored(tmp_path / "j.zst", whole), threads=1)
    assert again == whole


def test_gnu_tar_zstd_and_python_read_joined_frames(tmp_path, runs):
    made = pack(tmp_path / "t.zst", runs, threads=1)
    pack(tmp_path / "j.zst", stored(tmp_path / "t.zst", made), threads=1)
    names = sorted((name for files in RUNS.values() for name in files), key=str.encode)
    subprocess.run(["zstd", "-tq", tmp_path / "j.zst"], check=True)
    listing = ["tar", "--zstd", "-tf", tmp_path / "j.zst"]
    assert subprocess.check_output(listing, text=True).splitlines() == names
    assert [name for name, _ in members(tmp_path / "j.zst")] == names
    assert holds(tmp_path / "j.zst", [one for run in runs.values() for one in run])


def test_progress_is_told_when_so_many_files_are_packed(tmp_path, monkeypatch, runs):
    monkeypatch.setattr("ben_assets.bigearthnet.archives._PROGRESS_STEP", 20)
    told = []
    pack(tmp_path / "t.zst", runs, threads=1, on_progress=told.append)
    assert told == [61]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100_000]), r"found "),
        (lambda path: path.write_bytes(b"x" + path.read_bytes()), "found "),
        (lambda path: path.write_bytes(bytes(4_000_000)), "found "),
    ],
    ids=["gone", "cut", "moved", "zeros"],
)
def test_a_frame_that_changed_is_not_joined(tmp_path, damage, found):
    noise = b"".join(hashlib.sha256(n.to_bytes(4)).digest() for n in range(40_000))
    listed = make_members(tmp_path / "in", {"a/1": b"", "b/1": noise})
    runs = {"a/": listed[:1], "b/": listed[1:]}
    made = pack(tmp_path / "t.zst", runs, threads=1)
    damage(tmp_path / "t.zst")
    says = rf"t.zst: expected at byte .* sha256 .*{found}.*materialize archives of its"
    with pytest.raises(ChecksumMismatch, match=says):
        pack(
            tmp_path / "j.zst",
            {"b/": stored(tmp_path / "t.zst", made)["b/"]},
            threads=1,
        )


@pytest.mark.parametrize("frames", [1, 3])
def test_an_archive_holds_its_files_in_any_number_of_frames(tmp_path, frames):
    listed = make_members(tmp_path / "in", FILES)
    pack_one(tmp_path / "t.zst", listed, threads=1)
    tar = unzstd(tmp_path / "t.zst")
    step = -(-len(tar) // frames)
    parts = [tar[at : at + step] for at in range(0, len(tar), step)]
    (tmp_path / "f.zst").write_bytes(b"".join(map(zstandard.compress, parts)))
    assert holds(tmp_path / "f.zst", reversed(listed))
    assert dict(members(tmp_path / "f.zst")) == FILES


def test_an_archive_that_differs_in_anything_does_not_hold_its_files(tmp_path):
    listed = make_members(tmp_path / "in", FILES)
    for what, tar in other_tars(tmp_path).items():
        (tmp_path / "t.zst").write_bytes(zstandard.compress(tar))
        assert not holds(tmp_path / "t.zst", listed), what
    pack_one(tmp_path / "t.zst", listed, threads=1)
    packed = (tmp_path / "t.zst").read_bytes()
    for damaged in (packed[:-9], packed + b"x" * 9, b"x" * 99):
        (tmp_path / "t.zst").write_bytes(damaged)
        assert not holds(tmp_path / "t.zst", listed)
