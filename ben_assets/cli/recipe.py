"""``ben recipe``: what is fixed for own tiles, checked and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ben_assets.cli.console import AsJson, say, say_json
from ben_assets.environment import settings_of_process

if TYPE_CHECKING:
    from ben_assets.bigearthnet.recipe import Recipe

app = typer.Typer(help="Recipes of own tiles.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recipe.")],
) -> None:
    """Read a recipe and its legend, and look for the files that it names."""
    from ben_assets.bigearthnet.recipe import load_recipe, missing_files

    recipe = load_recipe(str(file.absolute()))
    missing = missing_files(recipe)
    for line in missing:
        say(f"{file}: {line}", err=True)
    if not missing:
        say(f"{file}: a recipe, sha256 {recipe.sha256}")
    raise typer.Exit(1 if missing else 0)


@app.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FILE]", help="A recipe. Default: BEN_RECIPE."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a recipe says, with what it leaves to the defaults."""
    from ben_assets.bigearthnet.recipe import DEFAULT, load_recipe

    recipe = load_recipe(name or settings_of_process().recipe or DEFAULT)
    if as_json:
        say_json(dict(_rows(recipe)))
        return
    for key, value in _rows(recipe):
        say(f"{key:24}{value}")


def _rows(recipe: Recipe) -> list[tuple[str, object]]:
    """Key and value of each line."""
    cover, countries = recipe.land_cover, recipe.countries
    legend = f"{cover.legend.name}, {len(cover.legend.classes)} codes"
    return [
        ("recipe", recipe.name),
        ("sha256", recipe.sha256),
        ("value_scale", recipe.value_scale),
        ("land_cover.path", cover.path or "(BEN_CLC_PATH)"),
        ("land_cover.layer", cover.layer or "(the only one)"),
        ("land_cover.code_column", cover.code_column or "(a raster)"),
        ("land_cover.legend", f"{legend}, {len(cover.legend.labels)} labels"),
        ("land_cover.year", cover.year),
        ("labels.max_unlabelled", recipe.max_unlabelled),
        ("countries.path", countries.path or "(ne_110m_admin_0_countries.geojson)"),
        ("countries.column", countries.column),
    ]
