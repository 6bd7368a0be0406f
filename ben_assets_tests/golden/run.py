"""The jobs of the demo, run for all of its tiles and the release in one process.

A process of its own: the tiles of BEN_TILES_CSV are read when the graph is imported.
Prints which job failed. ``python -m ben_assets_tests.golden.run TILE_KEY…``
"""

import sys

import dagster as dg

from ben_assets.definitions import defs

_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def main(*keys: str) -> int:
    runs: list[tuple[str, str | None]] = [("tile", key) for key in keys]
    runs += [("l1c_tables", None), ("release", None)]
    runs += [("training_tile", key) for key in keys] + [("training", None)]
    with dg.DagsterInstance.ephemeral() as instance:
        for job, key in runs:
            result = defs.resolve_job_def(job).execute_in_process(
                partition_key=key,
                instance=instance,
                run_config=_QUIET,
                raise_on_error=False,
            )
            if not result.success:
                print(f"job {job} failed for {key or 'the release'}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
