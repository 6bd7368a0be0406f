"""How to make right what ``ben verify`` found."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from ben_assets.bigearthnet.outside_text import escaped
from resources.data_root.difference import RELEASE_ASSETS, TILE_ASSETS, Difference
from resources.data_root.records import RELEASE


def repair_commands(differences: Iterable[Difference], root: Path) -> list[str]:
    """Commands that rebuild what differs and nothing else, in the order to run them.

    Args:
        differences: what was found.
        root: the data root, for files that only their owner can take away.
    """
    assets_of: dict[str, set[str]] = {}
    orphans = []
    for difference in differences:
        if difference.rebuilt_by:
            assets_of.setdefault(difference.tile, set()).add(difference.rebuilt_by)
        else:
            orphans.append(root / difference.asset / difference.file)
    materialize = f"{_dagster()} asset materialize -m ben_assets.definitions"
    released = assets_of.pop(RELEASE, set())
    commands = [f"rm -- {_quoted(str(path))}" for path in orphans]
    commands += [
        f"{materialize} --select {_selection(assets)} --partition {_quoted(tile)}"
        for tile, assets in sorted(assets_of.items())
    ]
    if released:
        commands.append(f"{materialize} --select {_selection(released)}")
    return commands


def _quoted(word: str) -> str:
    """A word of a shell command, on one line whatever it holds."""
    if escaped(word) == word:
        return shlex.quote(word)
    return "$'" + escaped(word.replace("\\", "\\\\").replace("'", "\\'")) + "'"


def _dagster() -> str:
    """How to call the ``dagster`` of this environment from here."""
    program = Path(sys.executable).with_name("dagster")
    if shutil.which("dagster") == str(program):
        return "dagster"
    here = Path.cwd()
    is_below = program.is_relative_to(here)
    return shlex.quote(str(program.relative_to(here) if is_below else program))


def _selection(assets: set[str]) -> str:
    flow = (*TILE_ASSETS, *RELEASE_ASSETS)
    return ",".join(sorted(assets, key=flow.index))
