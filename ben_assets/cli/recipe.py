"""``ben recipe``: what is fixed for own tiles, checked and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ben_assets.cli.console import AsJson, say, say_json
from ben_assets.environment import settings_of_process

if TYPE_CHECKING:
    from ben_assets.bigearthnet.recipe import Recipe

app = typer.Typer(help="Recipes of own tiles: check, show.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A recipe. Default: BEN_RECIPE."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a recipe and its legend, and look into the files that it names.

    Columns, layers and CRS are looked at. How far the land cover reaches over your
    tiles says ben doctor.
    """
    from ben_assets.bigearthnet.recipe import DEFAULT, load_recipe
    from resources.inputs.recipe_files import problems

    named = str(file.absolute()) if file else settings_of_process().recipe or DEFAULT
    recipe = load_recipe(named)
    wrong = problems(recipe)
    if as_json:
        say_json({"recipe": named, "sha256": recipe.sha256, "problems": wrong})
        raise typer.Exit(1 if wrong else 0)
    for line in wrong:
        say(f"{file or named}: {line}", err=True)
    if not wrong:
        say(f"{file or named}: a recipe, sha256 {recipe.sha256}")
    raise typer.Exit(1 if wrong else 0)


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
