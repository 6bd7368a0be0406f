"""The page of a release, and where it comes from: versions, inputs, digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import jinja2
import markupsafe

from ben_assets.report.facts import OTHER_FILE, FileFacts, InputFacts, ReleaseFacts
from resources.data_root.facts import ReleaseArchivesFacts
from resources.data_root.store import StoredRecord
from resources.data_root.stored_tiles import StoredTiles
from resources.inputs.pins import Pin

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


def versions_by_asset(records: Iterable[StoredRecord]) -> dict[str, dict[str, str]]:
    """Asset to package to version; several versions of one package side by side."""
    found: dict[str, dict[str, set[str]]] = {}
    for record in records:
        packages = found.setdefault(record.asset, {})
        for package, version in record.made_with.items():
            packages.setdefault(package, set()).add(version)
    return {
        asset: {name: ", ".join(sorted(packages[name])) for name in sorted(packages)}
        for asset, packages in found.items()
        if packages
    }


def inputs_of(
    records: Iterable[StoredRecord], pins: Mapping[str, Pin]
) -> list[InputFacts]:
    """The files that tiles were made from, other than files of our own assets."""
    tiles: dict[tuple[str, str], set[str]] = {}
    own: set[str] = set()
    for record in records:
        own |= {record.asset, f"{record.asset}.parquet", record.tile}
        for name, digest in record.made_from.items():
            tiles.setdefault((name, digest), set()).add(record.tile)
    return [
        InputFacts(name, digest, len(of), _outcome(digest, pins.get(name)))
        for (name, digest), of in sorted(tiles.items())
        if name not in own
    ]


def _outcome(digest: str, pin: Pin | None) -> str:
    if pin is None:
        return "not a pinned file"
    if pin.sha256 is None:
        return "pinned, but its published SHA-256 is not known"
    return "the pinned file" if digest == pin.sha256 else OTHER_FILE


def release_files(
    storage: StoredTiles,
    record: StoredRecord,
    published: Mapping[str, Mapping[str, Any]],
) -> list[FileFacts]:
    """The archives, the tars inside and the tables, beside their published digests.

    Args:
        storage: the data root.
        record: of the release archives.
        published: file name to its published ``md5`` or ``sha256``.

    Raises:
        InvalidInput: a file of the release is gone, cut or changed.
    """

    def sums(name: str) -> dict[str, str]:
        text = (storage.read_file(record, name + of) for of in ("", ".tar"))
        lines = b"".join(text).decode().splitlines()
        return {name: digest for digest, _, name in (x.partition("  ") for x in lines)}

    md5, sha256 = sums("MD5SUMS"), sums("SHA256SUMS")
    archives = record.facts_as(ReleaseArchivesFacts).archives
    files = []
    for name in sorted(md5):
        archive = archives.get(name) or archives.get(f"{name}.zst")
        if archive is not None and name.endswith(".tar"):
            n_bytes = archive.tar_bytes
        else:
            n_bytes = storage.file_of(record, name).stat().st_size
        expectation = published.get(name, {})
        files.append(
            FileFacts(
                name=name,
                bytes=n_bytes,
                members=archive.members if archive else None,
                md5=md5[name],
                sha256=sha256[name],
                published=expectation.get("sha256") or expectation.get("md5"),
            )
        )
    return files
