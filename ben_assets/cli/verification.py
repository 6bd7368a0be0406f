"""``ben verify``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.choice import TileArguments, chosen_tiles
from ben_assets.cli.console import AsJson, coloured, progress, say, say_json
from ben_assets.cli.repair import repair_commands
from ben_assets.environment import settings_of_process
from ben_assets.validation.survey import find_differences
from resources.data_root.difference import Difference
from resources.data_root.flow import RELEASE
from resources.data_root.records import StoredRecord
from resources.data_root.stored_tiles import Snapshot
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
                typer.echo(_line(difference))
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
    total = f"{n_artifacts} artifacts, {n_found} differences ({how})"
    say(total, "red" if n_found else "green")
    for command in commands:
        typer.echo(f"to repair: {command}")


def _line(difference: Difference) -> str:
    tile = difference.tile or "-"
    what = f"{coloured(difference.kind)}: {escaped(difference.detail)}"
    fields = (difference.asset, tile, difference.file)
    return "\t".join((*map(escaped, fields), what))
