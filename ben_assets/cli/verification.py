"""``ben verify``, what makes right what it found, and ``ben track``."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.console import (
    AsJson,
    TileArguments,
    chosen_tiles,
    coloured,
    echo,
    progress,
    say,
    say_json,
)
from ben_assets.environment import settings_of_process
from ben_assets.validation.expected_hashes import track_tiles
from ben_assets.validation.survey import find_differences
from resources.data_root.facts import SubsetFacts
from resources.data_root.flow import RELEASE, RELEASE_ASSETS, SUBSETS, TILE_ASSETS
from resources.data_root.records import StoredRecord
from resources.data_root.store import Storage
from resources.data_root.stored_tiles import Snapshot, StoredTiles
from resources.data_root.tile_files import Difference
from resources.settings import Settings


def verify(
    tiles: TileArguments = None,
    is_all: Annotated[
        bool, typer.Option("--all", help="All tiles on disk, as without TILE.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every byte, not only names and sizes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what is on disk with records, hash lists and tracked hashes.

    One line for each difference: asset, tile, file, what; then the commands that
    rebuild just that. Exit code 1 if anything differs. TILE may also be "release".
    """
    if tiles and is_all:
        raise typer.BadParameter("name tiles, or say --all; not both")
    chosen, settings = chosen_tiles(tiles, also=(RELEASE,)), settings_of_process()
    snapshot = Snapshot(settings.data_dir)
    n_artifacts = sum(
        not chosen or tile in chosen
        for asset in snapshot.assets()
        for tile in snapshot.tiles(asset)
    )
    found = []
    with progress("reading" if deep else "looking at", n_artifacts) as begin:
        for difference in find_differences(
            snapshot,
            deep=deep,
            tiles=chosen,
            tracked=settings.tracked_artifacts,
            reference_digest=_reference_digest(settings) if deep else None,
            begin=begin,
        ):
            if not as_json:
                echo(_line(difference))
            found.append(difference)
    commands = repair_commands(found, snapshot)
    if as_json:
        say_json(_as_json(n_artifacts, found, commands))
    else:
        _print_totals(n_artifacts, len(found), commands, deep=deep)
    if not n_artifacts and not found:
        say(f"nothing to verify below {snapshot.root}", err=True)
        raise typer.Exit(2)
    raise typer.Exit(1 if found else 0)


def _reference_digest(
    settings: Settings,
) -> Callable[[StoredRecord, str], str | None]:
    from resources.inputs.reference_digests import ReferenceDigests  # loads rasterio

    return ReferenceDigests(settings).of_record


def _as_json(
    n_artifacts: int, found: list[Difference], commands: list[str]
) -> dict[str, object]:
    return {
        "artifacts": n_artifacts,
        "differences": [asdict(difference) for difference in found],
        "repair": commands,
    }


def _print_totals(
    n_artifacts: int, n_found: int, commands: list[str], *, deep: bool
) -> None:
    how = "every byte read" if deep else "names and sizes; --deep reads every byte"
    total = f"{counted(n_artifacts, 'artifact')}, {counted(n_found, 'difference')}"
    say(f"{total} ({how})", "red" if n_found else "green")
    for command in commands:
        typer.echo(f"to repair: {command}")


def _line(difference: Difference) -> str:
    tile = difference.tile or "-"
    what = f"{coloured(difference.kind)}: {escaped(difference.detail)}"
    fields = (difference.asset, tile, difference.file)
    return "\t".join((*map(escaped, fields), what))


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


def track(tiles: TileArguments = None) -> None:
    """Record the hashes of tiles on disk as what is expected from now on.

    Writes tracked-artifacts/hashes/ASSET.csv (BEN_TRACKED_ARTIFACTS); rows of other
    tiles stay. TILE may be the word release. Review the difference like code, and
    commit it.
    """
    settings = settings_of_process()
    changes = track_tiles(
        Storage(settings.data_dir),
        settings.tracked_artifacts,
        chosen_tiles(tiles, also=(RELEASE,)),
    )
    for change in changes:
        say(
            f"{change.path}: {change.added} rows added, {change.changed} changed, "
            f"{change.kept} as before"
        )
    if not changes:
        say(f"nothing to track below {settings.data_dir}", err=True)
        raise typer.Exit(2)
