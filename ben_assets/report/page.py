"""The page of the report, from its facts and its template."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import jinja2
import markupsafe

from ben_assets.report.facts import ReleaseFacts

_FOLDER: Final = Path(__file__).parent
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def render_page(facts: ReleaseFacts) -> str:
    """The report as one HTML page without script and without anything external."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"size": size, "number": number, "percent": percent}
    return environment.get_template("page.html.jinja").render(
        release=facts,
        style=markupsafe.Markup((_FOLDER / "style.css").read_text()),
        tile_map=markupsafe.Markup(facts.tile_map),
    )


def size(n_bytes: int) -> str:
    """A size for people.

    >>> size(999), size(3_949_000), size(122_000_000_000)
    ('999 bytes', '3.9 MB', '122 GB')
    """
    value, unit = float(n_bytes), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 1 if unit and value < 99.95 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


def number(value: int) -> str:
    r"""A number with a thin space between thousands.

    >>> number(549_488)
    '549\u202f488'
    """
    return f"{value:,}".replace(",", "\u202f")


def percent(share: float) -> str:
    r"""A share of 1 as percent.

    >>> percent(0.253), percent(0.0002)
    ('25.3\xa0%', '<\xa00.1\xa0%')
    """
    return "<\xa00.1\xa0%" if 0 < share < 0.0005 else f"{share * 100:.1f}\xa0%"
