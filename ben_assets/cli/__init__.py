"""The command ``ben``: what Dagster has no button for; a thin layer over the same code.

Exit codes: 0 fine; 1 differences found, or a step failed; 2 wrong usage or environment.
Commands import what they need when they run, so that ``--help`` is there at once.
"""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated, Final

import typer

from ben_assets.bigearthnet.errors import BenError, FailureClass
from ben_assets.cli import (
    doctor,
    hashing,
    inputs,
    overview,
    recipe,
    reference,
    releasing,
    running,
    sampling,
    services,
    verification,
)
from ben_assets.environment import load_env_file
from ben_assets.interrupts import ended_as_by_ctrl_c

_OF_THE_ENVIRONMENT: Final = (
    FailureClass.BAD_INPUT,
    FailureClass.LOCAL_RESOURCE,
    FailureClass.AUTH,
)

app = typer.Typer(
    help="BigEarthNet v2: what was expected, what is on disk, what differs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # lines of docstrings flow
)
app.command()(running.run)
app.command()(sampling.sample)
app.command()(verification.verify)
app.command()(verification.track)
app.add_typer(overview.app, name="tiles")
app.command()(doctor.doctor)
app.command()(hashing.pin)
app.command()(doctor.preflight)
app.command()(services.serve)
app.command()(releasing.subset)
app.command("verify-release")(releasing.verify_release)
app.add_typer(releasing.publish, name="publish")
app.add_typer(hashing.app, name="hash")
app.add_typer(recipe.app, name="recipe")
app.add_typer(reference.app, name="reference")
app.add_typer(inputs.app, name="inputs")
app.add_typer(services.postgis, name="postgis")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"ben {importlib.metadata.version('ben-assets')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="The version.",
        ),
    ] = False,
) -> None:
    """BigEarthNet v2: what was expected, what is on disk, what differs."""


def main() -> None:
    """Run the command line; ``.env`` wins over the environment, as in Dagster."""
    for line in load_env_file():
        print(f"ben: {line}", file=sys.stderr)
    try:
        with ended_as_by_ctrl_c():
            app()
    except BenError as error:
        print(f"ben: [{error.failure_class}] {error}", file=sys.stderr)
        sys.exit(2 if error.failure_class in _OF_THE_ENVIRONMENT else 1)
