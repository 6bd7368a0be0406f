"""``ben verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.choice import TileArguments, chosen_tiles
from ben_assets.cli.repair import repair_commands
from ben_assets.environment import settings_of_process
from ben_assets.validation.survey import find_differences
from resources.data_root.difference import RELEASE_ASSETS, TILE_ASSETS, Difference
from resources.data_root.records import RELEASE
from resources.data_root.store import Storage
from resources.inputs.reference_digests import ReferenceDigests


def verify(
    tiles: TileArguments = None,
    is_all: Annotated[
        bool, typer.Option("--all", help="All tiles on disk, as without TILE.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every byte, not only names and sizes.")
    ] = False,
) -> None:
    """Compare what is on disk with records, hash lists and tracked hashes.

    One line for each difference: asset, tile, file, what; then the commands that
    rebuild just that. Exit code 1 if anything differs. TILE may also be "release".
    """
    if tiles and is_all:
        raise typer.BadParameter("name tiles, or say --all; not both")
    chosen, settings = chosen_tiles(tiles, also=(RELEASE,)), settings_of_process()
    storage = Storage(settings.data_dir)
    found = []
    for difference in find_differences(
        storage,
        deep=deep,
        tiles=chosen,
        tracked=settings.tracked_artifacts,
        reference_digest=ReferenceDigests(settings).find if deep else None,
    ):
        typer.echo(_line(difference))
        found.append(difference)
    n_artifacts = sum(
        not chosen or tile in chosen
        for asset in (*TILE_ASSETS, *RELEASE_ASSETS)
        for tile in storage.tiles(asset)
    )
    how = "every byte read" if deep else "names and sizes; --deep reads every byte"
    typer.echo(f"{n_artifacts} artifacts, {len(found)} differences ({how})")
    for command in repair_commands(found, storage.root):
        typer.echo(f"to repair: {command}")
    if not n_artifacts and not found:
        typer.echo(f"nothing to verify below {storage.root}", err=True)
        raise typer.Exit(2)
    raise typer.Exit(1 if found else 0)


def _line(difference: Difference) -> str:
    tile = difference.tile or "-"
    what = f"{difference.kind}: {difference.detail}"
    fields = (difference.asset, tile, difference.file, what)
    return "\t".join(escaped(field) for field in fields)
