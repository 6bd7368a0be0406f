"""Names of files that come from a file: whether they stay where they belong.

Belongs here: names alone. Not here: links on the disk (``resources.data_root.files``).
"""

from __future__ import annotations


def stays_inside(name: str) -> bool:
    """Whether a relative path, taken literally, leads to something below its folder.

    >>> stays_inside("BigEarthNet-S2/tile"), stays_inside("a/../../b")
    (True, False)
    >>> stays_inside("/etc"), stays_inside(""), stays_inside("a//b")
    (False, False, False)
    """
    parts = name.split("/")
    return "\0" not in name and not any(part in ("", ".", "..") for part in parts)
