"""``ben doctor``."""

from __future__ import annotations

import typer

from ben_assets.cli.choice import TileArguments, chosen_tiles
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles


def doctor(tiles: TileArguments = None) -> None:
    """Say what a real run of these tiles still lacks. Exit code 1 if anything does.

    Looks at versions, credentials (by logging in), sen2cor, the pinned inputs,
    Sentinel-1 and disk space. Without TILE: for those of BEN_TILES_CSV, else for all.
    """
    from ben_assets.cli.diagnosis import State, diagnose

    settings = settings_of_process()
    known = load_tiles(settings)
    own = [key for key, tile in known.items() if not tile.is_published]
    keys = chosen_tiles(tiles) or own or list(known)
    findings = diagnose([known[key] for key in keys], settings)
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        typer.echo(f"{finding.state:<5}  {finding.subject:<{width}}  {finding.detail}")
    lacking = sum(finding.state is State.LACKS for finding in findings)
    typer.echo(f"{len(keys)} tiles; {lacking} of {len(findings)} things lack")
    raise typer.Exit(1 if lacking else 0)
