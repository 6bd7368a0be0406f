"""JPEG 2000 files: the codestream inside, whether it is whole, and its digest.

Source: ISO/IEC 15444-1, annex A (markers) and annex I (boxes).
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import BinaryIO, Final

from ben_assets.bigearthnet.errors import UnexpectedRaster

_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_START_OF_CODESTREAM: Final = b"\xff\x4f"
_END_OF_CODESTREAM: Final = b"\xff\xd9"


def codestream_digest(path: Path) -> str:
    """SHA-256 of the image data of a JP2 file, without its metadata boxes.

    Raises:
        UnexpectedRaster: not a JP2 file, or one that is cut short.
    """
    with path.open("rb") as file:
        start, length = _find_codestream(file, path)
        file.seek(start)
        content = file.read(length)
    if not content.startswith(_START_OF_CODESTREAM):
        raise UnexpectedRaster(f"{path}: no JPEG 2000 codestream; get the file again")
    if len(content) < length or not content.endswith(_END_OF_CODESTREAM):
        raise UnexpectedRaster(
            f"{path}: JPEG 2000 file is cut short: its image data do not end with the "
            "end-of-codestream marker; get the product again"
        )
    return hashlib.sha256(content).hexdigest()


def _find_codestream(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Offset and length of the content of the first ``jp2c`` box."""
    size = path.stat().st_size
    if file.read(len(_SIGNATURE)) != _SIGNATURE:
        raise UnexpectedRaster(
            f"{path}: not a JPEG 2000 file ({size} bytes); get the product again"
        )
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if length == 1:
            length, header = struct.unpack(">Q", file.read(8))[0], 16
        elif length == 0:
            length = size - at
        if kind == b"jp2c":
            return at + header, length - header
        at += max(length, 8)
    raise UnexpectedRaster(
        f"{path}: JPEG 2000 file is cut short: no image data in its {size} bytes; "
        "get the product again"
    )
