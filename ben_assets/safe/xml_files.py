"""XML that others wrote: bounded in size and depth, with errors that name it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput

MAX_BYTES: Final = 16 << 20
"""The metadata of a product have about 3 MB at most."""
MAX_DEPTH: Final = 100
_DOCTYPE: Final = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def parse_xml(path: Path) -> ElementTree.Element:
    """The root element of an XML file.

    Raises:
        MissingInput: there is no such file.
        InvalidInput: too large, no plain file, or not well-formed.
    """
    return root_element(read_limited(path), str(path))


def read_limited(path: Path) -> bytes:
    """The bytes of a metadata file.

    Raises:
        MissingInput: there is no such file.
        InvalidInput: it is no plain file, or has more than ``MAX_BYTES``.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise MissingInput(
            f"{path} is missing; the product is incomplete, get it again"
        ) from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise InvalidInput(
                f"{path}: expected a file of at most {MAX_BYTES} bytes, found "
                f"{status.st_size}; get the product again"
            )
        return Path(f"/proc/self/fd/{handle}").read_bytes()
    finally:
        os.close(handle)


def root_element(content: bytes, source: str) -> ElementTree.Element:
    """The root element of XML without entities of its own.

    Raises:
        InvalidInput: not well-formed, of an unknown encoding, with a document type, or
            nested deeper than ``MAX_DEPTH``.
    """
    if _DOCTYPE.search(content):
        raise InvalidInput(
            f"{source}: has a document type or entities, which products have not"
        )
    parser: Any = ElementTree.XMLPullParser(("start", "end"))  # its events are untyped
    depth = 0
    root: ElementTree.Element | None = None
    try:
        for start in range(0, len(content), 1 << 16):
            parser.feed(content[start : start + (1 << 16)])
            for event, element in parser.read_events():
                root = element if root is None else root
                depth += 1 if event == "start" else -1
                if depth > MAX_DEPTH:
                    raise InvalidInput(f"{source}: nested deeper than {MAX_DEPTH}")
        parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{source}: not well-formed XML: {error}") from error
    if root is None:
        raise InvalidInput(f"{source}: not well-formed XML: no element")
    return root
