"""The published folder by the libraries of its formats, as data card and docs say."""

import sys

sys.path.pop(0)  # a file beside this one has the name of a package

import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import lmdb
import numpy as np
import pyarrow.parquet as pq
import zstandard
from safetensors.numpy import load

ROOT = Path(sys.argv[1], "published")
INDEX = ROOT / "index" / "bigearthnet_index.parquet"
CLASSES = json.loads((ROOT / "classes.json").read_text())


def parts_of_the_card() -> dict[str, list[Path]]:
    """Split to its shards, by the ``configs`` of the card."""
    lines = (ROOT / "README.md").read_text().split("---\n")[1].splitlines()
    words = [line.split(": ") for line in lines if ": " in line]
    splits = [value for key, value in words if key == "  - split"]
    globs = [value for key, value in words if key == "    path"]
    return {
        split: sorted(ROOT.glob(glob))
        for split, glob in zip(splits, globs, strict=True)
    }


def samples(shards: list[Path]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Patch id and members of each sample, which lie side by side in a tar."""
    for shard in shards:
        found: dict[str, dict[str, bytes]] = {}
        with tarfile.open(shard) as tar:
            for info in tar:
                patch, _, member = info.name.partition(".")
                found.setdefault(patch, {})[member] = tar.extractfile(info).read()
        yield from found.items()


def check_sample(
    patch: str, members: dict[str, bytes], row: dict, values: lmdb.Transaction
) -> None:
    """A sample beside the row of the index and the values of the database."""
    facts = json.loads(members["json"])
    assert facts["patch_id"] == patch
    assert facts["labels_19"] == row["labels_19"]
    names = {CLASSES["paper_order"][number] for number in row["labels_19"]}
    assert set(facts["labels"]) == names
    pixels = {entry["code"]: entry["count"] for entry in facts["pixels"]}
    assert pixels == dict(row["pixels"])
    assert values.get(patch.encode()) == members["s2.safetensors"]
    chart = values.get(f"{patch}_reference_map".encode())
    assert chart == members["map.safetensors"]
    if row["s1_name"]:
        assert values.get(row["s1_name"].encode()) == members["s1.safetensors"]
        assert set(load(members["s1.safetensors"])) == {"VH", "VV"}
    codes, places = load(chart)["Data"], load(members["map19.safetensors"])["Data"]
    expected = np.full(1000, CLASSES["no_class"])
    for number, entry in enumerate(CLASSES["classes"]):
        expected[[code["code"] for code in entry["codes"]]] = number
    assert (places == expected[codes]).all()


def read_patches() -> dict[str, int]:
    """Split to number of patches; index, database and shards say the same of each."""
    ((counted,),) = duckdb.sql(f"SELECT count(*) FROM '{INDEX}'").fetchall()
    rows = {row["patch_id"]: row for row in pq.read_table(INDEX).to_pylist()}
    assert len(rows) == counted
    statistics = json.loads((ROOT / "statistics.json").read_text())["splits"]
    folder, found = ROOT / "lmdb" / "BigEarthNet.lmdb", {}
    with lmdb.open(str(folder), readonly=True, lock=False).begin() as values:
        for split, shards in parts_of_the_card().items():
            pixels = []
            for patch, members in samples(shards):
                check_sample(patch, members, rows.pop(patch), values)
                pixels.append(load(members["s2.safetensors"])["B02"])
            band, found[split] = statistics[split]["bands"]["B02"], len(pixels)
            assert np.isclose(band["mean"], np.mean(pixels, dtype=np.float64))
            assert np.isclose(band["deviation"], np.std(pixels, dtype=np.float64))
    assert not rows
    return found


def read_archives() -> int:
    """Number of extracted files; each is in the manifest with its digest."""
    with zstandard.open(ROOT / "MANIFEST.csv.zst", "rt") as text:
        listed = {row["path"]: row["sha256"] for row in csv.DictReader(text)}
    folder, n_files = ROOT / "archives", 0
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        if name.endswith(".parquet"):
            assert listed.pop(name) == digest
        elif name.endswith(".tar.zst"):
            stream = zstandard.ZstdDecompressor().stream_reader(
                io.BytesIO(content), read_across_frames=True
            )
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for info in filter(tarfile.TarInfo.isfile, tar):
                    found = hashlib.sha256(tar.extractfile(info).read()).hexdigest()
                    assert listed.pop(info.name) == found
                    n_files += 1
    assert not listed
    return n_files


counts = ", ".join(f"{name} {count}" for name, count in read_patches().items())
print(f"{counts}; {read_archives()} files of the archives")
