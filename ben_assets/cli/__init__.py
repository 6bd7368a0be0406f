"""The command ``ben``: what Dagster has no button for; a thin layer over the same code.

Exit codes: 0 fine; 1 differences found, or a step failed; 2 wrong usage or environment.
Commands import what they need when they run, so that ``--help`` is there at once.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from typing import Annotated, Final

import typer

from ben_assets.bigearthnet.errors import BenError, FailureClass
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli import (
    doctor,
    inputs,
    overview,
    recipe,
    reference,
    releasing,
    running,
    sampling,
    verification,
)
from ben_assets.environment import load_env_file
from ben_assets.interrupts import ended_as_by_ctrl_c

_OF_THE_ENVIRONMENT: Final = (
    FailureClass.BAD_INPUT,
    FailureClass.LOCAL_RESOURCE,
    FailureClass.AUTH,
)
_INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as of a shell."""

app = typer.Typer(
    help="BigEarthNet v2: what was expected, what is on disk, what differs.",
    epilog="To begin with: ben doctor T33UUP says what a tile lacks, ben run T33UUP "
    "makes it, ben tiles shows how far all are.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # lines of docstrings flow
)
_PANELS: Final[dict[str, dict[str, Callable[..., None] | typer.Typer]]] = {
    "Tiles": {
        "run": running.run,
        "tiles": overview.app,
        "doctor": doctor.doctor,
        "preflight": doctor.preflight,
        "sample": sampling.sample,
    },
    "Trust": {
        "verify": verification.verify,
        "verify-release": releasing.verify_release,
        "track": verification.track,
        "hash": reference.hashes,
    },
    "Release": {
        "subset": releasing.subset,
        "publish": releasing.publish,
        "serve": running.serve,
    },
    "Inputs": {
        "reference": reference.app,
        "inputs": inputs.app,
        "recipe": recipe.app,
        "postgis": running.postgis,
        "pin": reference.pin,
    },
}
"""Title in the help to the commands below it, by name."""
for panel, commands in _PANELS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"ben {importlib.metadata.version('ben-assets')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
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
    for line in context.obj or ():  # not while a shell completes a word
        print(f"ben: {escaped(line)}", file=sys.stderr)


def main() -> None:
    """Run the command line; ``.env`` wins over the environment, as in Dagster."""
    try:
        said = load_env_file()
        with ended_as_by_ctrl_c():
            app(obj=said)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("ben: interrupted; the same command goes on", file=sys.stderr)
        raise
    except BenError as error:
        print(f"ben: [{error.failure_class}] {error}", file=sys.stderr)
        sys.exit(2 if error.failure_class in _OF_THE_ENVIRONMENT else 1)
