"""What campaigns hold the disk against: a tile is whole or absent.

Belongs here: the result of a quiet run, record by record.
"""

from __future__ import annotations

from dataclasses import dataclass

from ben_assets_tests.support.pipeline import (
    RELEASE_STEPS,
    STEPS,
    TRAINING_STEPS,
    Pipeline,
)
from resources.data_root.flow import RELEASE


@dataclass(frozen=True)
class WholeTiles:
    """The files of each tile of each asset, as a quiet run made them."""

    tree: dict[str, str]
    """Path below the data root to content digest, of all results."""
    parts: dict[str, dict[str, str]]
    """Path of a record to what belongs to its tile, as in ``tree``."""

    @classmethod
    def of(cls, pipeline: Pipeline) -> WholeTiles:
        """As they are on disk, where nothing runs now."""
        tree = pipeline.tree()
        parts = {}
        for asset in (*STEPS, *RELEASE_STEPS, *TRAINING_STEPS):
            for tile in pipeline.storage.tiles(asset):
                record = f"{asset}/{tile}.json"
                outputs = pipeline.storage.require(asset, tile).outputs
                own = {record, *(f"{asset}/{output}" for output in outputs)}
                below = tuple(f"{output}/" for output in own)
                parts[record] = {
                    path: digest
                    for path, digest in tree.items()
                    if path in own or path.startswith(below)
                }
        return cls(tree, parts)

    def require_whole_or_absent(self, pipeline: Pipeline) -> int:
        """Hold each tile that has a record against what it must be.

        Returns:
            Number of records.

        Raises:
            AssertionError: a tile has a record, but not all that belongs to it.
        """
        found, n_records = pipeline.tree(), 0
        for record, part in self.parts.items():
            if record in found:
                n_records += 1
                wrong = [p for p, digest in part.items() if found.get(p) != digest]
                assert not wrong, f"{record} is there, but {wrong[0]} is not as it was"
        return n_records

    def require_all(self, pipeline: Pipeline, what: str) -> None:
        """The data root has all of it and nothing else.

        Raises:
            AssertionError: says ``what`` left another state, and the first difference.
        """
        found = pipeline.tree()
        other = sorted(
            path
            for path in found.keys() | self.tree.keys()
            if found.get(path) != self.tree.get(path)
        )
        assert not other, f"{what} left another state: {other[0]}"


def make_all(pipeline: Pipeline) -> None:
    """Every asset of every tile of the pipeline, in flow order."""
    for key in pipeline.keys:
        pipeline.make_tile(key)
    pipeline.make_release()
    pipeline.make_training()


def record_of(asset: str, key: str) -> str:
    """Path of an asset's record below the data root; ``key`` is that of the tile."""
    return f"{asset}/{key if asset in STEPS else RELEASE}.json"
