"""The data card of a release: what people and programs must know before they use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import jinja2

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.training.card_facts import CardFacts
from ben_assets.training.classes import (
    ALPHABETICAL_ORDER,
    NO_CLASS,
    PAPER_ORDER,
    describe_classes,
    has_the_19_classes,
)
from ben_assets.training.croissant import describe_dataset
from ben_assets.training.index import INDEX_FILE

_FOLDER: Final = Path(__file__).parent
_MARKDOWN: Final = re.compile(r"[\\`*\[\]<>|#&]")
"""Marks that mean something in Markdown; ``_`` inside of words does not."""
_MAX_WORDS: Final = 200


def write_card(folder: Path, facts: CardFacts) -> None:
    """Write all files of a card but the manifest."""
    texts = {
        name: _render(f"{name}.jinja", facts)
        for name in ("README.md", "LICENSE", "CITATION.cff")
    }
    texts["classes.json"] = _json(describe_classes(facts.legend))
    texts["croissant.json"] = _json(describe_dataset(facts))
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _json(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _render(template: str, facts: CardFacts) -> str:
    environment = jinja2.Environment(  # Markdown and YAML, no HTML
        loader=jinja2.FileSystemLoader(_FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["words"] = markdown_words
    return environment.get_template(template).render(
        release=facts,
        index_file=INDEX_FILE,
        bands=BANDS,
        paper_order=PAPER_ORDER,
        alphabetical_order=ALPHABETICAL_ORDER,
        has_the_19_classes=has_the_19_classes(facts.legend),
        is_corine=facts.recipe.land_cover.is_corine,
        no_class=NO_CLASS,
        size_category=_size_category(facts.total),
    )


def markdown_words(text: str) -> str:
    r"""Words of others inside Markdown: no mark-up, no HTML, no end of a table's cell.

    >>> markdown_words("a|b <i>*c*</i>")
    'a\\|b \\<i\\>\\*c\\*\\</i\\>'
    """
    return _MARKDOWN.sub(r"\\\g<0>", escaped(text, _MAX_WORDS))


def _size_category(patches: int) -> str:
    """The Hugging Face Hub's word for a number of samples."""
    for limit, word in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if patches < limit:
            return word
    return "100K<n<1M"
