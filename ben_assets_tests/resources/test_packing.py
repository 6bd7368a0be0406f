"""The zip of a product's files: the same bytes whenever and wherever it is packed."""

from __future__ import annotations

import hashlib
import zipfile
import zlib

from resources.transfers.packing import StoredZip

FILES = {"manifest.safe": b"<x/>", "GRANULE/a.jp2": b"pixels", "B": b""}


def test_the_bytes_of_a_packed_zip_are_known(tmp_path):
    path = tmp_path / "product.zip"
    sizes = {name: len(content) for name, content in FILES.items()}
    packed = StoredZip(path, "P.SAFE", sizes, ["HTML"])
    packed.allocate()
    with path.open("r+b") as file:
        for name, content in FILES.items():
            file.seek(packed.start(name))
            file.write(content)
    packed.finish({name: zlib.crc32(content) for name, content in FILES.items()})
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert [one.filename.removeprefix("P.SAFE/") for one in archive.infolist()] == [
            "B",
            "GRANULE/a.jp2",
            "HTML/",
            "manifest.safe",
        ]
        modes = {oct(one.external_attr >> 16) for one in archive.infolist()}
        assert modes == {"0o100644", "0o40755"}
    assert hashlib.sha256(path.read_bytes()).hexdigest() == (
        "3919d31d2431eaefc47f0ae2d47f02583fba6cbad8d1fc2f54a2a188cc70c963"
    )
