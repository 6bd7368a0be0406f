"""Damage to what is read: records, zips and metadata, thousands of times.

``python -m benchmarks.soak_damage [--zips 2000] [--every 1]``. Each field of a record
takes fifteen other values, bytes of a product's zip are changed at random, and fields
of a product's metadata get odd texts. Nothing wrong may be accepted, each end is an
error of ours, and a plain re-run makes the record whole again.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ben_assets.assets import RULE_CHECKS
from ben_assets.bigearthnet.errors import BenError, InvalidInput
from ben_assets.safe.l1c import read_l1c
from ben_assets.safe.l2a import read_l2a
from ben_assets.safe.manifest import prove_product
from ben_assets.safe.zips import extract_product
from ben_assets.steps import l1c
from ben_assets.steps.report import make_release_report
from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets.validation.overview import overview
from ben_assets.validation.survey import find_differences
from ben_assets_tests.support.pipeline import (
    RELEASE_STEPS,
    STEPS,
    TRAINING_STEPS,
    Pipeline,
)
from ben_assets_tests.support.zip_products import NAME, product_files
from resources.data_root.facts import ProductStatus
from resources.data_root.flow import RELEASE, TILE_ASSETS, UPSTREAM
from resources.data_root.records import Record, seal_of
from resources.data_root.stored_tiles import Snapshot

Field = tuple[str | int, ...]
"""Names and places that lead to a value of a JSON text."""
KEY: Final = DEMO_TILES[0].key
_LISTS: Final = {
    l1c.ID_TABLE: l1c.make_tile_id_csv,
    l1c.HASH_TABLE: l1c.make_l1c_hash_csv,
}
ASSETS: Final = (l1c.IDS, l1c.ZIPS, *STEPS, *_LISTS, *RELEASE_STEPS, *TRAINING_STEPS)
"""All that have a record with the same bytes each time, in flow order."""
VALUES: Final = (
    *(None, True, -1, 0, 1.5, 10**30, "", "x", "../../x", "\0", "\u0663"),
    *([], [7], {}, {"a": [1]}),
    *(2**63, 1e308, float("inf"), float("nan"), "\ud800", "x" * 100_000),
    *("0001-01-01T00:00:00-23:59", "9999-12-31T23:59:59-23:59", "2018-07-18T10:00"),
)
"""What a field of a record may have become."""
_ALIKE: Final = 2
"""Of a table by file or input, so many entries."""
TEXTS: Final = (
    *("", "x", "-1", "0", "1e9", "inf", "nan", "9" * 5000, "\u0663", "../../x"),
    *("/etc/passwd", "2031-01-01T00:00:00Z", "&#10;", "<a/>", "S2A_T99XXX"),
)
"""What a field of the metadata may have become."""


def record_campaign(folder: Path, every: int) -> str:
    """Change each field of each record of a tile and a release, with the seal adapted.

    Without that, the change must be named. With it, what can be read is surveyed, and
    all that reads the record ends well or with an error of ours: steps and rules.

    Raises:
        AssertionError: something else came of it, or a re-run did not repair it.
    """
    tile = OneTile.made(folder)
    pipeline, whole, seen = tile.pipeline, tile.tree(), Counter[str]()
    for number, asset in enumerate(ASSETS):
        path = pipeline.storage.record_path(asset, _tile_of(asset))
        text = path.read_text()
        for field, value in _changes(text)[number % every :: every]:
            what = f"{asset}: {'.'.join(map(str, field))} is {value!r:.60}"
            path.write_text(_changed(text, field, value, is_sealed=False))
            assert _is_refused(pipeline, asset, what), f"{what}: not named"
            path.write_text(_changed(text, field, value, is_sealed=True))
            seen["changes"] += 1
            is_refused = _is_refused(pipeline, asset, what)
            seen["refused" if is_refused else "readable"] += 1
            # what cannot be read is surveyed alike: once for each field
            if not is_refused or value is None:
                assert _survives(pipeline, what) or not is_refused, what
            if not is_refused:
                for reader, read in tile.readers(asset):
                    seen[_end(read, f"{what}: {reader}")] += 1
        path.write_text(_changed(text, ("outputs",), [7], is_sealed=True))
        tile.make_all(ASSETS[number:])
        assert tile.tree() == whole, f"{asset} was not repaired"
    return f"soak, damage: fields of records: {dict(seen)}: all read or named"


def file_campaign(folder: Path) -> str:
    """Damage the files beside the records: empty, cut, other bytes, a folder, a FIFO.

    Raises:
        AssertionError: it was not named, a reader ended with an error that is not of
            ours, or a re-run did not repair it.
    """
    tile = OneTile.made(folder)
    pipeline, whole, seen = tile.pipeline, tile.tree(), Counter[str]()
    for number, asset in enumerate(ASSETS):
        for path in _some_files(pipeline.storage.folder(asset)):
            for kind, damage in _DAMAGES.items():
                content = path.read_bytes()
                path.unlink()
                damage(path, content)
                what = f"{asset}: {path.name}: {kind}"
                assert _survives(pipeline, what, deep=True), f"{what}: not named"
                for reader, read in tile.readers(asset):
                    seen[_end(read, f"{what}: {reader}")] += 1
                seen["damages"] += 1
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                path.write_bytes(content)
        tile.make_all(ASSETS[number:])
        assert tile.tree() == whole, f"{asset} was not repaired"
    return f"soak, damage: files of results: {dict(seen)}: all named"


def _some_files(folder: Path) -> list[Path]:
    """One file of each kind that an asset has, but no records."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not (path.suffix == ".json" and path.parent == folder):
            found.setdefault("".join(path.suffixes), path)
    return list(found.values())


_DAMAGES: Final[dict[str, Callable[[Path, bytes], object]]] = {
    "gone": lambda path, content: None,
    "empty": lambda path, content: path.write_bytes(b""),
    "cut": lambda path, content: path.write_bytes(content[: len(content) // 2]),
    "other": lambda path, content: path.write_bytes(b"\xff" * len(content)),
    "flip": lambda path, content: path.write_bytes(
        content[: len(content) // 2] + b"!" + content[len(content) // 2 + 1 :]
    ),
    "folder": lambda path, content: path.mkdir(),
    "FIFO": lambda path, content: os.mkfifo(path),
}
"""What may have become of a file."""


@dataclass(frozen=True)
class OneTile:
    """A tile and its release, whole, and what reads their records."""

    pipeline: Pipeline
    """Makes them."""

    @classmethod
    def made(cls, folder: Path) -> OneTile:
        """All assets of one tile below a folder."""
        make_synthetic_data(folder / "synthetic", tiles=DEMO_TILES[:1])
        synthetic = SyntheticData(folder / "synthetic", (KEY,))
        pipeline = Pipeline(synthetic, folder)
        pipeline.settings |= {"BEN_L1C_DIR": str(synthetic.l1c_dir), "BEN_FORCE": "1"}
        pipeline.known = {}
        tile = cls(pipeline)
        tile.make_all(ASSETS)
        return tile

    def make_all(self, assets: Iterable[str]) -> None:
        """Make assets in order, after two zips: the second one tells what changed."""
        for asset in (*ASSETS[:2], *assets):
            self.make(asset)

    def make(self, asset: str) -> None:
        """Make one asset, as if its code were new."""
        tile, ctx = self.pipeline.tile(KEY), self.pipeline.ctx()
        if asset == l1c.IDS:
            with ctx.storage.draft(l1c.IDS, KEY, ctx.log) as draft:
                draft.publish(_known_tile_id(tile.name), keep_hash_list=False)
        elif asset == l1c.ZIPS:
            l1c.make_l1c_zip(tile, ctx)
        elif asset in _LISTS:
            _LISTS[asset](ctx)
        else:
            self.pipeline.make(asset, KEY if asset in STEPS else None)

    def tree(self) -> dict[str, str]:
        """Path to digest of all results but the report, which tells when it was."""
        tree = self.pipeline.tree()
        return {p: d for p, d in tree.items() if not p.startswith("release_report")}

    def readers(self, asset: str) -> Iterator[tuple[str, Callable[[], object]]]:
        """Name and call of each step and rule that reads the record of an asset."""
        for step in ASSETS:
            if asset in UPSTREAM[step]:
                yield step, functools.partial(self.make, step)
        tile, ctx = self.pipeline.tile(KEY), self.pipeline.ctx()
        for check in RULE_CHECKS:
            if asset in (check.asset_name, *UPSTREAM.get(check.asset_name, ())):
                given = (tile, ctx) if check.has_tiles else (ctx,)
                yield check.name, functools.partial(check.rule, *given)
        if asset in UPSTREAM["release_report"]:
            yield "report", functools.partial(make_release_report, ctx)
        snapshot, tracked = Snapshot(self.pipeline.data), ctx.settings.tracked_artifacts
        yield "overview", functools.partial(overview, snapshot, tracked, [KEY])


def _known_tile_id(name: str) -> Record:
    """The record of a product that the catalogue once had."""
    cdse_id = "00000000-0000-0000-0000-000000000001"
    entry = {"id": cdse_id, "name": f"{name}.SAFE", "size": 0, "checksums": {}}
    status = ProductStatus(**entry, online=False, published="", modified="", s3_path="")
    return Record(
        asset=l1c.IDS,
        tile=KEY,
        digests={KEY: "0" * 64},
        bytes=0,
        outputs=(),
        facts=status,
    )


def _tile_of(asset: str) -> str:
    return KEY if asset in TILE_ASSETS else RELEASE


def _changes(text: str) -> list[tuple[Field, object]]:
    """Each field of a record with each value that it does not have."""
    stored = json.loads(text)
    return [
        (field, value)
        for field in _fields(stored)
        for value in VALUES
        if _at(stored, field) != value
    ]


def _fields(stored: object, above: Field = ()) -> Iterator[Field]:
    """Where a record has fields; of many alike, the first ones."""
    if isinstance(stored, dict):
        names: list[str | int] = list(stored)[:_ALIKE] if above else list(stored)
        for name in names:
            yield (*above, name)
            yield from _fields(stored[name], (*above, name))
    elif isinstance(stored, list) and stored:
        yield (*above, 0)
        yield from _fields(stored[0], (*above, 0))


def _at(stored: object, field: Field) -> object:
    for name in field:
        stored = stored[name]  # type: ignore[index]
    return stored


def _changed(text: str, field: Field, value: object, *, is_sealed: bool) -> str:
    stored = json.loads(text)
    parent: Any = _at(stored, field[:-1])
    parent[field[-1]] = value
    if is_sealed and field != ("seal",):
        del stored["seal"]
        stored["seal"] = seal_of(stored)
    return json.dumps(stored)


def _survives(pipeline: Pipeline, what: str, *, deep: bool = False) -> int:
    """A survey goes on to its end, whatever a record says; number of differences."""
    try:
        return len(
            list(
                find_differences(
                    Snapshot(pipeline.data), deep=deep, tiles=[KEY, RELEASE]
                )
            )
        )
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def _is_refused(pipeline: Pipeline, asset: str, what: str) -> bool:
    """Whether a record cannot be read, which is named with its path."""
    path = pipeline.storage.record_path(asset, _tile_of(asset))
    try:
        pipeline.storage.find(asset, _tile_of(asset))
    except InvalidInput as error:
        is_named = str(path) in str(error) and f"materialize {asset}" in str(error)
        if not is_named:
            raise AssertionError(f"{what}: no path or next step: {error}") from error
        return True
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    return False


def zip_campaign(folder: Path, zips: int, seed: int) -> str:
    """Change bytes of a product's zip at random.

    Raises:
        AssertionError: a wrong file was accepted, or the error is not one of ours.
    """
    dice, seen = random.Random(seed), Counter[str]()
    files = product_files(band_bytes=300)
    truth = {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    path = folder / f"{NAME}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(f"{NAME}.SAFE/{name}"), content)
    good = path.read_bytes()
    for _ in range(zips):
        path.write_bytes(_damaged(good, dice))
        try:
            members = prove_product(path, NAME).members
        except BenError as error:
            seen[type(error).__name__] += 1
            continue
        assert {n: one.sha256 for n, one in members.items()} == truth, "accepted"
        seen["same content"] += 1
    return f"soak, damage: {zips} damaged zips: {dict(seen.most_common())}"


def _damaged(good: bytes, dice: random.Random) -> bytes:
    content = bytearray(good)
    directory = good.find(b"PK\x01\x02")
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        first = dice.choice((0, directory, good.rfind(b"PK\x05\x06")))
        at = dice.randrange(min(first, len(content) - 1), len(content))
        kind = dice.randrange(4)
        if kind == 0:
            content[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            content[at] = dice.choice((0, 127, 128, 255))
        elif kind == 2:
            del content[at : at + dice.randrange(1, 50)]
        else:
            content[at:at] = dice.randbytes(dice.randrange(1, 20))
        content = content or bytearray(b"x")
    return bytes(content)


def metadata_campaign(folder: Path, every: int) -> str:
    """Give each field of a product's metadata other texts.

    Raises:
        AssertionError: an error that is not one of ours.
    """
    made = make_synthetic_data(folder / "synthetic", tiles=DEMO_TILES[:1])
    l2a_product = next(made.l2a_dir.glob("*.SAFE"))
    l1c_product = extract_product(next(made.l1c_dir.glob("*.zip")), folder)
    seen = Counter[str]()
    for product, read in ((l2a_product, read_l2a), (l1c_product, read_l1c)):
        for path in (*product.glob("MTD_*.xml"), *product.glob("GRANULE/*/MTD_TL.xml")):
            text = path.read_text()
            tags = sorted(set(re.findall(r"<(\w+)[^>]*>[^<]+</", text)))
            for tag, value in list(itertools.product(tags, TEXTS))[::every]:
                path.write_text(_with_text(text, tag, value))
                what = f"{path.name}: {tag} is {value[:40]!r}"
                seen[_end(functools.partial(read, product), what)] += 1
            path.write_text(text)
    return f"soak, damage: fields of metadata: {dict(seen.most_common())}"


def _with_text(text: str, tag: str, value: str) -> str:
    return re.sub(rf"(<{tag}[^>]*>)[^<]+", lambda m: m[1] + value, text)


def _end(read: Callable[[], object], what: str) -> str:
    try:
        read()
    except BenError as error:
        return type(error).__name__
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    return "read"


def main() -> None:
    """Run the three campaigns and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zips", type=int, default=2000)
    parser.add_argument("--every", type=int, default=1, help="each n-th change alone")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(zip_campaign(folder, given.zips, given.seed), flush=True)
        print(metadata_campaign(folder, given.every), flush=True)
        print(file_campaign(folder / "files"), flush=True)
        print(record_campaign(folder / "records", given.every), flush=True)


if __name__ == "__main__":
    main()
