"""How to make right what ``ben verify`` found."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from resources.records import RELEASE
from resources.verification import RELEASE_ASSETS, TILE_ASSETS, Difference

_MATERIALIZE = "dagster asset materialize -m ben_assets.definitions"


def healing_commands(differences: Iterable[Difference], root: Path) -> list[str]:
    """Commands that rebuild what differs and nothing else, in the order to run them.

    Args:
        differences: what was found.
        root: the data root, for files that only their owner can take away.
    """
    assets_of: dict[str, set[str]] = {}
    strays = []
    for difference in differences:
        if difference.rebuilt_by:
            assets_of.setdefault(difference.tile, set()).add(difference.rebuilt_by)
        else:
            strays.append(root / difference.asset / difference.file)
    released = assets_of.pop(RELEASE, set())
    commands = [f"rm {shlex.quote(str(path))}" for path in strays]
    commands += [
        f"{_MATERIALIZE} --select {_selection(assets)} --partition {tile}"
        for tile, assets in sorted(assets_of.items())
    ]
    if released:
        commands.append(f"{_MATERIALIZE} --select {_selection(released)}")
    return commands


def _selection(assets: set[str]) -> str:
    flow = (*TILE_ASSETS, *RELEASE_ASSETS)
    return ",".join(sorted(assets, key=flow.index))
