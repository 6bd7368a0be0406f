"""The command ``ben``: what Dagster has no button for; a thin layer over the same code.

Exit codes: 0 fine; 1 differences found, or a step failed; 2 wrong usage or environment.
Commands import what they need when they run, so that ``--help`` is there at once.
"""

from __future__ import annotations

import sys
from typing import Final

import typer
from dotenv import load_dotenv

from ben_assets.bigearthnet.errors import BenError, FailureClass
from ben_assets.cli import (
    doctor,
    hashing,
    inputs,
    overview,
    pinning,
    postgis,
    preflighting,
    reference,
    tracking,
    verification,
)
from resources.settings import REPOSITORY

_OF_THE_ENVIRONMENT: Final = (
    FailureClass.BAD_INPUT,
    FailureClass.LOCAL_RESOURCE,
    FailureClass.AUTH,
)

app = typer.Typer(
    help="BigEarthNet v2: what was expected, what is on disk, what differs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(verification.verify)
app.command()(tracking.track)
app.command()(overview.tiles)
app.command()(doctor.doctor)
app.command()(pinning.pin)
app.command()(preflighting.preflight)
app.add_typer(hashing.app, name="hash")
app.add_typer(reference.app, name="reference")
app.add_typer(inputs.app, name="inputs")
app.add_typer(postgis.app, name="postgis")


def main() -> None:
    """Run the command line; ``.env`` wins over the environment, as in Dagster."""
    load_dotenv(REPOSITORY / ".env", override=True)
    try:
        app()
    except BenError as error:
        print(f"ben: [{error.failure_class}] {error}", file=sys.stderr)
        sys.exit(2 if error.failure_class in _OF_THE_ENVIRONMENT else 1)
