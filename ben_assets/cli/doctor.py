"""``ben doctor`` and ``ben preflight``: what a run will lack, before it starts."""

from __future__ import annotations

import typer

from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.console import (
    AsJson,
    TileArguments,
    chosen_tiles,
    coloured,
    say,
    say_json,
)
from ben_assets.cli.finding import Finding, State
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles


def doctor(tiles: TileArguments = None, as_json: AsJson = False) -> None:
    """Say what a real run of these tiles still lacks. Exit code 1 if anything does.

    Looks at versions, credentials (by logging in), sen2cor, the pinned inputs,
    Sentinel-1 and disk space. Without TILE: for those of BEN_TILES_CSV, else for all.
    """
    from ben_assets.cli.diagnosis import diagnose

    settings = settings_of_process()
    known = load_tiles(settings)
    own = [key for key, tile in known.items() if not tile.is_published]
    keys = chosen_tiles(tiles) or own or list(known)
    findings = diagnose([known[key] for key in keys], settings)
    lacking = sum(finding.state is State.LACKS for finding in findings)
    if as_json:
        say_json({"tiles": keys, "findings": [vars(found) for found in findings]})
    else:
        _print(findings)
        about = counted(len(keys), "tile")
        total = f"{about}; {lacking} of {len(findings)} things are missing"
        say(total, "red" if lacking else "green")
    raise typer.Exit(1 if lacking else 0)


def _print(findings: list[Finding]) -> None:
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        state = coloured(finding.state, 5)
        text = escaped(f"{finding.subject:<{width}}  {finding.detail}")
        typer.echo(f"{state}  {text}")


def preflight(
    tiles: TileArguments = None,
    as_json: AsJson = False,
) -> None:
    """Ask all sources for tiles (all by default); downloads nothing.

    Shows which source has which tile, what is gone or changed, newer baselines, and the
    bytes to download. Exit 1 where no source has a tile.
    """
    from ben_assets.steps.preflight import format_preflight, preflight

    settings = settings_of_process()
    known = load_tiles(settings)
    keys = chosen_tiles(tiles) or known
    report = preflight(
        [known[key] for key in keys],
        settings,
        lambda line: typer.echo(escaped(line), err=True),
    )
    if as_json:
        say_json(report.as_json())
    else:
        typer.echo(format_preflight(report))
    if not all(row.is_ready for row in report.rows):
        raise typer.Exit(1)
