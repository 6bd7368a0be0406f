"""What a product's manifest asks for, and that nothing else is accepted."""

import os
import zipfile
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import CorruptProduct
from ben_assets.safe.directory_manifest import expectations_of
from ben_assets.safe.manifest import parse_manifest, prove_product
from ben_assets_tests.support.zip_products import (
    BANDS,
    NAME,
    band_path,
    manifest,
    product_files,
    write_product,
    write_zip,
)

_SHARED = Path(os.environ.get("BEN_SHARED", Path(__file__).parents[3] / "shared"))
SAMPLES = _SHARED / "samples"
REAL = "S2B_MSIL1C_20170719T000219_N0205_R030_T56JKT_20170719T000218"
needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the real samples are not on this machine"
)
B03 = band_path(NAME, "B03")


@pytest.mark.parametrize("checksum", ["MD5", "SHA3-256"])
def test_a_whole_product_is_proven(tmp_path: Path, checksum: str) -> None:
    check = prove_product(write_product(tmp_path, checksum=checksum), NAME)
    files = product_files(checksum=checksum)
    assert check.product == NAME
    assert {name: one.size for name, one in check.members.items()} == {
        name: len(content) for name, content in files.items()
    }
    assert set(check.verified) == set(files) - {"manifest.safe"}
    assert (check.unknown, check.missing, check.unproven_images) == ((), (), ())
    assert set(check.images) == {band_path(NAME, band) for band in BANDS}


def named_twice() -> bytes:
    """A manifest whose second entry for a band, spelt otherwise, has no checksum."""
    files = {n: c for n, c in product_files().items() if n != "manifest.safe"}
    again = f'<byteStream><fileLocation href="./GRANULE/../{B03}"/></byteStream>'
    end = "</dataObjectSection>"
    text = manifest(files).decode()
    return text.replace(end, f"<dataObject>{again}</dataObject>{end}").encode()


def test_all_broken_promises_are_named_at_once(tmp_path: Path) -> None:
    files = product_files()
    files |= {B03: files[B03][::-1], band_path(NAME, "B8A"): b"short"}
    del files[band_path(NAME, "B12")]
    with pytest.raises(CorruptProduct) as error:
        prove_product(write_zip(tmp_path / "a.zip", files))
    text = str(error.value)
    assert "in 3 file(s)" in text
    assert f"{B03}: expected MD5" in text
    assert "B8A.jp2: expected 1500 bytes, found 5" in text
    assert "B12.jp2: missing" in text


def test_files_that_the_manifest_does_not_know_are_listed(tmp_path: Path) -> None:
    files = product_files() | {"HTML/banner.png": b"p", band_path(NAME, "B99"): b"x"}
    check = prove_product(write_zip(tmp_path / "a.zip", files))
    assert set(check.unknown) == {"HTML/banner.png", band_path(NAME, "B99")}
    assert check.unproven_images == (band_path(NAME, "B99"),)


def test_previews_and_pages_may_be_missing(tmp_path: Path) -> None:
    files = product_files()
    del files["HTML/UserProduct_index.html"]
    check = prove_product(write_zip(tmp_path / "a.zip", files))
    assert check.missing == ("HTML/UserProduct_index.html",)


def test_an_unknown_checksum_proves_nothing(tmp_path: Path) -> None:
    check = prove_product(write_product(tmp_path, checksum="WHIRLPOOL"))
    assert check.verified == ()
    assert check.unverifiable[B03] == (
        "the manifest's checksum WHIRLPOOL is not known here"
    )
    assert B03 in check.unproven_images


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"manifest.safe": None}, r"expected .*manifest\.safe .* found no such file"),
        ({"manifest.safe": b"<broken"}, "is not XML"),
        ({"manifest.safe": manifest({"../x": b""})}, "outside of the product"),
        ({"manifest.safe": b"<x/>"}, "declares no file"),
        ({"manifest.safe": named_twice()}, "names .*B03.jp2' twice"),
        ({"manifest.safe": manifest({"MTD.xml": b""})}, "B03.jp2: unknown to it"),
        ({"manifest.safe": b'<?xml version="1.0" encoding="x-evil"?><x/>'}, "encoding"),
        ({"manifest.safe": b"<a>" * 10_000}, "nested deeper"),
        ({"manifest.safe": b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'}, "document type"),
    ],
    ids=[
        "missing",
        "broken",
        "climbing",
        "empty",
        "twice",
        "bandless",
        "encoding",
        "deep",
        "entities",
    ],
)
def test_a_product_needs_a_sound_manifest(tmp_path: Path, change, reason) -> None:
    files = {n: c for n, c in (product_files() | change).items() if c is not None}
    with pytest.raises(CorruptProduct, match=reason):
        prove_product(write_zip(tmp_path / "a.zip", files))


def test_a_product_without_bands_is_refused(tmp_path: Path) -> None:
    files = {n: c for n, c in product_files().items() if "IMG_DATA" not in n}
    files["manifest.safe"] = manifest({n: c for n, c in files.items() if n[0] != "m"})
    with pytest.raises(CorruptProduct, match="band B01: no image; band B02: no image"):
        prove_product(write_zip(tmp_path / "a.zip", files))


def test_another_product_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptProduct, match=f"expected the product x, found {NAME}"):
        prove_product(write_product(tmp_path), "x")


def test_a_flipped_byte_of_any_member_is_found(tmp_path: Path) -> None:
    path = write_product(tmp_path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    for info in infos:
        corrupt = bytearray(content)
        corrupt[content.index(b"PK", info.header_offset) + 30 + len(info.filename)] ^= 1
        path.write_bytes(corrupt)
        inner = info.filename.partition("/")[2]
        with pytest.raises(CorruptProduct, match=inner):
            prove_product(path)


@needs_samples
def test_a_real_product_passes_every_proof() -> None:
    check = prove_product(SAMPLES / "safe" / "consistent" / f"{REAL}.zip", REAL)
    assert (len(check.members), len(check.verified), len(check.images)) == (94, 88, 14)
    assert {name.split("/")[0] for name in check.unknown} == {"HTML", "rep_info"}
    assert (check.unproven_images, check.missing, check.unverifiable) == ((), (), {})


@needs_samples
def test_its_sibling_with_shrunk_rasters_is_refused_with_their_names() -> None:
    with pytest.raises(CorruptProduct, match=r"in 14 file\(s\)") as error:
        prove_product(SAMPLES / "safe" / f"{REAL}.zip", REAL)
    for band in [*BANDS, "TCI"]:
        assert f"_{band}.jp2: expected" in str(error.value)


@needs_samples
def test_a_real_manifest_of_a_new_product_is_read() -> None:
    content = (SAMPLES / "cdse" / "s2_manifest.safe").read_bytes()
    expectations = parse_manifest(content, "sample")
    assert {expectation.algorithm for expectation in expectations.values()} == {
        "SHA3-256"
    }
    assert expectations["MTD_MSIL1C.xml"].size == 45353


def test_a_directory_whose_manifest_lists_no_file_has_nothing_to_be_held_against(
    tmp_path,
):
    """Some processors write only the frame of a manifest."""
    assert expectations_of(tmp_path) == {}
    (tmp_path / "manifest.safe").write_text("<XFDU/>")
    assert expectations_of(tmp_path) == {}
    (tmp_path / "manifest.safe").write_text("<XFDU>")
    with pytest.raises(CorruptProduct, match="is not XML"):
        expectations_of(tmp_path)
