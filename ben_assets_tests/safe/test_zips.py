"""Zips of products: the harmful are refused before anything is written."""

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    CorruptProduct,
    InvalidInput,
    TruncatedZip,
    UnsafeZip,
)
from ben_assets.safe.zips import (
    EMPTY_FOLDERS,
    ProductZip,
    extract_product,
    product_of_zip,
)
from ben_assets_tests.support.zip_products import (
    NAME,
    product_files,
    write_product,
    write_zip,
)

SAFE = f"{NAME}.SAFE"


def zip_of(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in ((f"{SAFE}/MTD.xml", b"<a/>"), *members):
            archive.writestr(name, content)
    return path


def linked(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def require_nothing_written(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["bad.zip", "out"]
    assert not list((folder / "out").iterdir())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"{SAFE}/../../evil.txt", "climbs out"),
        ("../evil.txt", "climbs out"),
        ("/etc/evil.txt", "absolute"),
        ("C:/evil.txt", "absolute"),
        (f"{SAFE}\\..\\evil.txt", "unsafe name"),
        (f"{SAFE}/a//b", "unsafe name"),
        (f"{SAFE}/a\nb", "unsafe name"),
        (f"{SAFE}/" + "a" * 2000, "unsafe name"),
        (f"{SAFE}/" + "\u00e9" * 128, "unsafe name"),
        ("other.SAFE/a", "one .SAFE folder"),
        ("loose.txt", "outside the .SAFE folder"),
        (linked(f"{SAFE}/link"), "link or device"),
        (f"{SAFE}/MTD.xml/below", "below a file"),
        (f"{SAFE}/mtd.XML", "there twice"),
    ],
    ids=str,
)
def test_an_unsafe_member_name_refuses_the_whole_zip(
    tmp_path: Path, name: str | zipfile.ZipInfo, reason: str
) -> None:
    path = zip_of(tmp_path / "bad.zip", (name, b"evil"))
    (tmp_path / "out").mkdir()
    with pytest.raises(UnsafeZip, match=reason):
        extract_product(path, tmp_path / "out")
    require_nothing_written(tmp_path)


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bad.zip", (f"{SAFE}/a#b", b"evil"))
    path.write_bytes(path.read_bytes().replace(b"a#b", b"a\0b"))
    with pytest.raises(UnsafeZip, match="unsafe name"):
        extract_product(path, tmp_path)


def test_two_spellings_of_a_letter_are_one_name(tmp_path: Path) -> None:
    path = zip_of(
        tmp_path / "bad.zip", (f"{SAFE}/\u00e9", b"1"), (f"{SAFE}/e\u0301", b"2")
    )
    with pytest.raises(UnsafeZip, match="there twice"):
        extract_product(path, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_repeated_name_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bad.zip", (f"{SAFE}/a", b"1"), (f"{SAFE}/a", b"2"))
    with pytest.raises(UnsafeZip, match="there twice"):
        extract_product(path, tmp_path)


def test_a_bomb_by_ratio_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{SAFE}/zeros.jp2", bytes(40_000_000))
    (tmp_path / "out").mkdir()
    with pytest.raises(UnsafeZip, match="bomb"):
        extract_product(path, tmp_path / "out")
    require_nothing_written(tmp_path)


def test_a_bomb_by_count_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bad.zip", *((f"{SAFE}/{n}", b"") for n in range(10_001)))
    with pytest.raises(UnsafeZip, match="10002 members"):
        extract_product(path, tmp_path)


def test_an_archive_in_the_archive_is_refused(tmp_path: Path) -> None:
    inner = zip_of(tmp_path / "inner.zip").read_bytes()
    path = zip_of(tmp_path / "bad.zip", (f"{SAFE}/inner.zip", inner))
    with pytest.raises(UnsafeZip, match=r"inner\.zip in bad\.zip is an archive"):
        extract_product(path, tmp_path)
    assert not (tmp_path / SAFE).exists()


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bad.zip", (f"{SAFE}/b", b"secret"))
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    content[second + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UnsafeZip, match="encrypted"):
        extract_product(path, tmp_path)


def test_a_stored_member_of_two_sizes_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bad.zip", (f"{SAFE}/b", b"x" * 100))
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", content, second + 24, 99)
    path.write_bytes(content)
    with pytest.raises(UnsafeZip, match="stored with two sizes"):
        extract_product(path, tmp_path)


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """The densest bombs let many directory entries point at one packed member."""
    path = zip_of(tmp_path / "bad.zip", (f"{SAFE}/b", b"x" * 100))
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", content, second + 42, 10)
    path.write_bytes(content)
    with pytest.raises(UnsafeZip, match="overlaps"):
        extract_product(path, tmp_path)


@pytest.mark.parametrize(
    ("corrupt", "error", "reason"),
    [
        (lambda c: b"", UnsafeZip, "not a zip"),
        (lambda c: b"<html>sorry</html>", UnsafeZip, "not a zip.*<html>"),
        (lambda c: b"junk" + c, UnsafeZip, "not a zip"),
        (lambda c: c[:-1], TruncatedZip, "cut short"),
        (lambda c: c[: len(c) // 2], TruncatedZip, "cut short"),
        (lambda c: c + b"more", UnsafeZip, "other bytes follow"),
    ],
    ids=["empty", "html", "bytes before", "last byte", "half", "bytes after"],
)
def test_a_zip_must_be_one_from_first_to_last_byte(
    tmp_path: Path, corrupt, error, reason
) -> None:
    path = write_product(tmp_path)
    path.write_bytes(corrupt(path.read_bytes()))
    with pytest.raises(error, match=reason):
        extract_product(path, tmp_path)


def test_extraction_gives_the_files_and_the_folders_that_services_drop(
    tmp_path: Path,
) -> None:
    files = product_files()
    safe = extract_product(write_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert safe == tmp_path / "out" / SAFE
    found = {
        str(path.relative_to(safe)): path.read_bytes()
        for path in safe.rglob("*")
        if path.is_file()
    }
    assert found == files
    for pattern in EMPTY_FOLDERS:
        assert [path for path in safe.glob(pattern) if path.is_dir()], pattern


def test_an_existing_product_is_not_overwritten(tmp_path: Path) -> None:
    path = write_product(tmp_path)
    extract_product(path, tmp_path / "out")
    with pytest.raises(InvalidInput, match="there already"):
        extract_product(path, tmp_path / "out")


def test_a_damaged_member_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_product(tmp_path)
    content = bytearray(path.read_bytes())
    content[content.index(b"<Tile/>")] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptProduct, match=r"MTD_TL\.xml .* is damaged: Bad CRC"):
        extract_product(path, tmp_path / "out")
    assert not (tmp_path / "out" / SAFE).exists()


def test_a_zip_is_known_by_its_folder_even_when_cut_short(tmp_path: Path) -> None:
    path = write_product(tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    assert product_of_zip(path) == NAME


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", b"PK\x03\x04" + bytes(40)])
def test_other_files_are_no_product(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert product_of_zip(tmp_path / "x") is None


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "bad.zip", (f"{SAFE}/x", b"1"))
    content = path.read_bytes()
    entry = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    length = struct.pack("<H", 0)
    renamed = content[: entry + 28] + length + content[entry + 30 :]
    path.write_bytes(renamed)
    with pytest.raises(CorruptProduct, match=r"bad\.zip"), ProductZip.open(path):
        pass
