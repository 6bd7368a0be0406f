"""A tile that is taken away by hand: its record first, then the rest."""

from __future__ import annotations

import contextlib
import shutil

from resources.data_root.store import Storage


def remove_tile(storage: Storage, asset: str, tile: str) -> None:
    """Take a tile away; what other tiles have too, as Sentinel-1 directories, stays."""
    outputs = set(storage.require(asset, tile).outputs)
    storage.record_path(asset, tile).unlink()
    for other in storage.tiles(asset):
        outputs -= set(storage.require(asset, other).outputs)
    for output in outputs:
        path = storage.place(asset, output)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        with contextlib.suppress(OSError):  # the asset's folder, or one of others
            path.parent.rmdir()
