"""What others named is one cell of the data card's tables, whatever marks it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ben_assets.bigearthnet.legend import Legend, LegendClass
from ben_assets.bigearthnet.recipe import DEFAULT, load_recipe
from ben_assets.training.card import CardFacts, write_card

HOSTILE = "a|b\n<script>x</script> [c](http://d) `e` *f* \x1b[2K\u202e"


def test_words_of_others_are_no_markup(tmp_path: Path) -> None:
    legend = Legend("own", "0" * 64, {1: LegendClass(HOSTILE, HOSTILE, (0, 0, 0))})
    recipe = load_recipe(DEFAULT)
    land_cover = replace(recipe.land_cover, path=Path("own.gpkg"), legend=legend)
    facts = CardFacts(
        patches=dict.fromkeys(("train", "validation", "test", "unclear"), 1),
        tiles=1,
        own_patches=4,
        files=1,
        bytes=1,
        processor=HOSTILE,
        value_scale=HOSTILE,
        recipe=replace(recipe, name=HOSTILE, land_cover=land_cover),
        index_sha256="0" * 64,
        extent=None,
    )
    write_card(tmp_path, facts)
    text = (tmp_path / "README.md").read_text()
    rows = [line for line in text.split("\n") if "script" in line]
    assert len(rows) == 4  # processor, scale, recipe, label: a line each
    for row in rows:
        assert row.isprintable()
        assert row.replace("\\|", "").count("|") == 3
        assert "\\<script\\>" in row
        assert "\\[c\\](http://d) \\`e\\` \\*f\\*" in row
