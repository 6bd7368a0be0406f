"""Names of files that come from a file: whether they stay where they belong.

Belongs here: names alone. Not here: links on the disk (``resources.data_root.files``).
"""

from __future__ import annotations

from typing import Final

MAX_PART_BYTES: Final = 255
"""A longer name fits no file system of Linux (NAME_MAX)."""
_MAX_BYTES: Final = 2048
"""Leaves as much for the folder above (PATH_MAX is 4,096)."""


def stays_inside(name: str) -> bool:
    r"""Whether a relative path, taken literally, leads to something below its folder.

    >>> stays_inside("BigEarthNet-S2/tile"), stays_inside("a/../../b")
    (True, False)
    >>> stays_inside("/etc"), stays_inside(""), stays_inside("a//b")
    (False, False, False)
    >>> stays_inside("a" * 256), stays_inside("\ud800")
    (False, False)
    """
    try:
        parts = name.encode().split(b"/")
    except UnicodeEncodeError:
        return False
    return (
        "\0" not in name
        and len(name) <= _MAX_BYTES
        and not any(part in (b"", b".", b"..") for part in parts)
        and max(map(len, parts)) <= MAX_PART_BYTES
    )
