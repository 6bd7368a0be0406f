"""What a card says of land cover that is not CORINE's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ben_assets.bigearthnet.legend import Legend, LegendClass, built_in_legend
from ben_assets.bigearthnet.recipe import DEFAULT, Recipe, load_recipe
from ben_assets.training.card import write_card
from ben_assets.training.card_facts import CardFacts, Extent

EXTENT = Extent((-9.5, 38.0, -8.0, 39.5), "2021-05-01", "2021-08-30")


def worldcover() -> Recipe:
    recipe = load_recipe(DEFAULT)
    legend = built_in_legend("worldcover")
    source = replace(recipe.land_cover, path=Path("wc"), legend=legend, year=2021)
    return replace(recipe, name="mine", land_cover=source, max_unlabelled=0.5)


def texts(folder: Path, recipe: Recipe) -> dict[str, str]:
    facts = CardFacts(
        patches={"train": 3, "validation": 0, "test": 1, "unclear": 0},
        **{"tiles": 1, "own_patches": 4, "files": 60, "bytes": 1000},
        **{"processor": "Sen2Cor 2.11", "value_scale": "bigearthnet"},
        recipe=recipe,
        index_sha256="0" * 64,
        extent=EXTENT,
    )
    write_card(folder, facts)
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "croissant.json"])
def test_another_land_cover_is_named_and_corine_is_not(tmp_path, name):
    text = texts(tmp_path, worldcover())[name]
    assert "land cover 2021 (legend worldcover)" in text
    assert "CORINE" not in text


def test_labels_of_another_legend_have_one_order(tmp_path):
    found = texts(tmp_path, worldcover())
    readme, classes = found["README.md"], json.loads(found["classes.json"])
    labels = list(worldcover().land_cover.legend.labels)
    assert f"up to {len(labels)} labels" in readme
    assert "unlabelled pixels is\n0.5 or more" in readme
    assert "element by element" not in readme
    assert classes["label_order"] == labels
    assert "paper_order" not in classes


def test_the_published_recipe_names_corine_and_both_orders(tmp_path):
    found = texts(tmp_path, load_recipe(DEFAULT))
    assert "CORINE Land Cover 2018 of the Copernicus" in found["LICENSE"]
    assert "**The two lists do not go element by element.**" in found["README.md"]
    assert "unlabelled pixels is\n0.25 or more" in found["README.md"]
    assert "path: shards/test-*.tar" in found["README.md"]
    assert "path: shards/unclear-*.tar" not in found["README.md"]


def test_words_of_others_are_no_markup(tmp_path):
    hostile = "a|b\n<script>x</script> [c](http://d) `e` *f* \x1b[2K\u202e"
    legend = Legend(hostile, "0" * 64, {1: LegendClass(hostile, hostile, (0, 0, 0))})
    source = replace(worldcover().land_cover, legend=legend)
    recipe = replace(worldcover(), name=hostile, land_cover=source)
    text = texts(tmp_path, recipe)["README.md"]
    rows = [line for line in text.split("\n") if "script" in line]
    assert len(rows) >= 4  # legend, recipe, label and licence: a line each
    for row in rows:
        assert row.isprintable()
        assert "\\<script\\>" in row
        assert "\\[c\\](http://d) \\`e\\` \\*f\\*" in row
        if row.startswith("|"):
            assert row.replace("\\|", "").count("|") in (3, 4)
