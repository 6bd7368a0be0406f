"""rico-hdl, run on the same tree, gives every key and value of ``release_lmdb``.

It asks for a map of 100 TiB, which some machines refuse: a smaller one holds the same.
"""

import contextlib
import shutil
import sys
from pathlib import Path

sys.path.pop(0)  # this file has the name of the package

import lmdb

_OPEN = lmdb.open
_MAP_BYTES = 1 << 33


def open_smaller(path: str, map_size: int, **options: object) -> lmdb.Environment:
    """Open with a map that any machine grants."""
    return _OPEN(path, map_size=min(map_size, _MAP_BYTES), **options)


def pairs(folder: Path) -> dict[bytes, bytes]:
    """All keys and values."""
    with (
        _OPEN(str(folder), readonly=True, lock=False) as environment,
        environment.begin() as transaction,
    ):
        return {bytes(key): bytes(value) for key, value in transaction.cursor()}


def run_rico_hdl(tree: Path, target: Path) -> None:
    """Convert a data set by rico-hdl's own command."""
    from rico_hdl.rico_hdl import main

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    lmdb.open = open_smaller
    sys.argv[1:] = [
        "bigearthnet",
        *("--bigearthnet-s1-dir", str(tree / "BigEarthNet-S1")),
        *("--bigearthnet-s2-dir", str(tree / "BigEarthNet-S2")),
        *("--bigearthnet-reference-maps-dir", str(tree / "Reference_Maps")),
        *("--target-dir", str(target)),
    ]
    with contextlib.suppress(SystemExit):  # a command ends like this
        main()


if __name__ == "__main__":  # rico-hdl's worker processes import this file
    release = Path(sys.argv[1])
    run_rico_hdl(release / "data" / "aligned_dataset", release / "rico-hdl")
    expected = pairs(release / "rico-hdl")
    assert len(expected) > 0
    assert pairs(release / "data" / "release_lmdb" / "BigEarthNet.lmdb") == expected
    print(f"{len(expected)} of {len(expected)} values equal")
