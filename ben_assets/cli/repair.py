"""How to make right what ``ben verify`` found."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.outside_text import escaped
from resources.data_root.difference import Difference
from resources.data_root.facts import SubsetFacts
from resources.data_root.flow import RELEASE, RELEASE_ASSETS, SUBSETS, TILE_ASSETS
from resources.data_root.stored_tiles import StoredTiles


def repair_commands(
    differences: Iterable[Difference], stored: StoredTiles
) -> list[str]:
    """Commands that rebuild what differs and nothing else, in the order to run them.

    Args:
        differences: what was found.
        stored: the data root, for files that only their owner can take away, and for
            what the records of subsets say.
    """
    assets_of: dict[str, set[str]] = {}
    orphans = []
    for difference in differences:
        if difference.rebuilt_by:
            assets_of.setdefault(difference.tile, set()).add(difference.rebuilt_by)
        else:
            orphans.append(stored.folder(difference.asset) / difference.file)
    materialize = f"{_program('dagster')} asset materialize -m ben_assets.definitions"
    of_release = assets_of.pop(RELEASE, set())
    subsets = {asset for asset in of_release if asset.startswith(f"{SUBSETS}/")}
    released = of_release - subsets
    commands = [
        f"rm {'-r ' * path.is_dir()}-- {_quoted(str(path))}" for path in orphans
    ]
    commands += [
        f"{materialize} --select {_selection(assets)} --partition {_quoted(tile)}"
        for tile, assets in sorted(assets_of.items())
    ]
    if released:
        commands.append(f"{materialize} --select {_selection(released)}")
    return commands + [_remaking(subset, stored) for subset in sorted(subsets)]


def _remaking(subset: str, stored: StoredTiles) -> str:
    """How to make a subset again as its record says; without one, it has to go."""
    try:
        record = stored.find(subset, RELEASE)
    except BenError:
        record = None
    if record is None:
        return f"rm -r -- {_quoted(str(stored.folder(subset)))}"
    facts, name = record.facts_as(SubsetFacts), Path(subset).name
    words = [name, "--where", facts.where, "--share", str(facts.share)]
    words += ["--seed", str(facts.seed)]
    if facts.per_class is not None:
        words += ["--per-class", str(facts.per_class)]
    if f"{name}.lmdb" in record.outputs:
        words.append("--lmdb")
    if any(output.endswith(".tar") for output in record.outputs):
        words.append("--shards")
    return f"{_program('ben')} subset {' '.join(map(_quoted, words))}"


def _quoted(word: str) -> str:
    """A word of a shell command, on one line whatever it holds."""
    if escaped(word, len(word)) == word:
        return shlex.quote(word)
    return f"$'{''.join(map(_spelt, word))}'"


def _spelt(letter: str) -> str:
    """A letter between ``$'`` and ``'``; what cannot be seen by its bytes on disk."""
    if letter in "\\'":
        return f"\\{letter}"
    if escaped(letter) == letter:
        return letter
    is_byte = "\udc80" <= letter <= "\udcff"  # of a name that is not UTF-8
    content = letter.encode(errors="surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in content)


def _program(name: str) -> str:
    """How to call a program of this environment from here."""
    program = Path(sys.executable).with_name(name)
    if shutil.which(name) == str(program):
        return name
    here = Path.cwd()
    is_below = program.is_relative_to(here)
    return shlex.quote(str(program.relative_to(here) if is_below else program))


def _selection(assets: set[str]) -> str:
    flow = (*TILE_ASSETS, *RELEASE_ASSETS)
    return ",".join(sorted(assets, key=flow.index))
