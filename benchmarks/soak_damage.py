"""Damage to what is read: records, zips and metadata, thousands of times.

``python -m benchmarks.soak_damage [--zips 2000] [--every 1]``. Each field of a record
takes fifteen other values, bytes of a product's zip are changed at random, and fields
of a product's metadata get odd texts. Nothing wrong may be accepted, each end is an
error of ours, and a plain re-run makes the record whole again.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import random
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.safe.l2a import read_l2a
from ben_assets.safe.manifest import prove_product
from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets.validation.survey import find_differences
from ben_assets_tests.support.pipeline import STEPS, Pipeline
from ben_assets_tests.support.zip_products import NAME, product_files
from resources.data_root.flow import tiles_read_by
from resources.data_root.records import seal_of
from resources.data_root.stored_tiles import Snapshot

Field = tuple[str | int, ...]
"""Names and places that lead to a value of a JSON text."""
KEY: Final = DEMO_TILES[0].key
VALUES: Final = (
    *(None, True, -1, 0, 1.5, 10**30, "", "x", "../../x", "\0", "\u0663"),
    *([], [7], {}, {"a": [1]}),
)
"""What a field of a record may have become."""
_ALIKE: Final = 3
"""Of a table by file or input, so many entries."""
TEXTS: Final = (
    *("", "x", "-1", "0", "1e9", "inf", "nan", "9" * 5000, "\u0663", "../../x"),
    *("/etc/passwd", "2031-01-01T00:00:00Z", "&#10;", "<a/>", "S2A_T99XXX"),
)
"""What a field of the metadata may have become."""


def record_campaign(folder: Path, every: int) -> str:
    """Change each field of each record of a tile, with the seal adapted and not.

    A change that the seal shows must be named. Where the seal was adapted and the
    record can still be read, the steps that read it end well or with an error of ours.

    Raises:
        AssertionError: something else came of it, or a re-run did not repair the tile.
    """
    make_synthetic_data(folder / "synthetic", tiles=DEMO_TILES[:1], l1c=False)
    pipeline = Pipeline(SyntheticData(folder / "synthetic", (KEY,)), folder)
    pipeline.make_tile(KEY)
    whole, seen = pipeline.tree(), Counter[str]()
    for asset in STEPS:
        path = pipeline.storage.record_path(asset, KEY)
        text = path.read_text()
        changes = [
            (field, value)
            for field in _fields(json.loads(text))
            for value in VALUES
            if _at(json.loads(text), field) != value
        ]
        for field, value in changes[::every]:
            for is_sealed in (False, True):
                path.write_text(_changed(text, field, value, is_sealed=is_sealed))
                what = f"{asset}: {'.'.join(map(str, field))} is {value!r}"
                found = _survives(pipeline, what)
                assert found or is_sealed, f"{what}: not named"
                seen["changes"] += 1
            seen.update(_ends_of_readers(pipeline, asset, what))
        path.write_text(_changed(text, ("outputs",), [7], is_sealed=True))
        for step in list(STEPS)[list(STEPS).index(asset) :]:
            pipeline.make(step, KEY)
        assert pipeline.tree() == whole, f"{asset} was not repaired"
    return f"soak, damage: fields of records: {dict(seen)}: all read or named"


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


def _survives(pipeline: Pipeline, what: str) -> int:
    """A survey goes on to its end, whatever a record says; number of differences."""
    try:
        return len(
            list(find_differences(Snapshot(pipeline.data), deep=False, tiles=[KEY]))
        )
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def _ends_of_readers(pipeline: Pipeline, asset: str, what: str) -> Iterator[str]:
    """How the steps end that read a record which was changed, but can be read."""
    try:
        pipeline.storage.find(asset, KEY)
    except BenError:
        return
    for step in STEPS:
        if asset in tiles_read_by(step):
            yield _end(lambda step=step: pipeline.make(step, KEY), f"{what}: {step}")


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
    made = make_synthetic_data(folder / "world", tiles=DEMO_TILES[:1], l1c=False)
    product = next(made.l2a_dir.glob("*.SAFE"))
    seen = Counter[str]()
    for path in (product / "MTD_MSIL2A.xml", *product.glob("GRANULE/*/MTD_TL.xml")):
        text = path.read_text()
        tags = sorted(set(re.findall(r"<(\w+)[^>]*>[^<]+</", text)))
        for tag, value in list(itertools.product(tags, TEXTS))[::every]:
            path.write_text(_with_text(text, tag, value))
            seen[_end(lambda: read_l2a(product), f"{tag} is {value[:40]!r}")] += 1
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
        print(record_campaign(folder / "records", given.every), flush=True)


if __name__ == "__main__":
    main()
