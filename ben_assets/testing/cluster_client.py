"""What one asks the webserver of a Dagster installation: runs and backfills."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LAUNCH_RUN: Final = """mutation($p: ExecutionParams!) {
  launchRun(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message } } }"""
_BACKFILL: Final = """mutation($p: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $p) {
    __typename ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message } } }"""
_RUNS: Final = """query { runsOrError(limit: 500) { ... on Runs { results {
  id status startTime endTime creationTime tags { key value } } } } }"""
_CODE: Final = """query { repositoriesOrError {
  ... on RepositoryConnection { nodes { name } } } }"""
_TERMINATE: Final = "mutation($id: String!) { terminateRun(runId: $id) { __typename } }"


_LOCATION: Final = {
    "repositoryLocationName": "ben",
    "repositoryName": "__repository__",
}


_TRIES: Final = 30


class ClusterError(Exception):
    """A part of the cluster is missing or did not start; the message says which."""


class ClusterClient:
    """Asks a webserver on loopback, as its pages do."""

    def __init__(self, port: int) -> None:
        """The webserver need not answer yet."""
        self._port = port

    def has_code(self) -> bool:
        """Whether the webserver answers and has the code location's jobs and assets."""
        with contextlib.suppress(OSError, ClusterError):
            return bool(self.ask(_CODE)["repositoriesOrError"].get("nodes"))
        return False

    def launch(self, job: str, tile: str, tags: Mapping[str, str] = {}) -> str:
        """Queue a run of a job for a tile; gives its id.

        Asks again while the webserver finds its database away.
        """
        all_tags = {"dagster/partition": tile, **tags}
        params = {
            "selector": {**_LOCATION, "pipelineName": job},
            "mode": "default",
            "runConfigData": {},
            "executionMetadata": {
                "tags": [{"key": k, "value": v} for k, v in all_tags.items()]
            },
        }
        return str(
            self._ask_patiently(_LAUNCH_RUN, p=params)["launchRun"]["run"]["runId"]
        )

    def backfill(self, assets: Sequence[str], tiles: Sequence[str]) -> str:
        """Have the daemon launch a run for each tile; gives the backfill's id."""
        params = {
            "assetSelection": [{"path": [asset]} for asset in assets],
            "partitionNames": list(tiles),
        }
        answer = self.ask(_BACKFILL, p=params)["launchPartitionBackfill"]
        return str(answer["backfillId"])

    def terminate(self, run_id: str) -> None:
        """Ask to stop a run, as the UI does."""
        self.ask(_TERMINATE, id=run_id)

    def runs(self) -> list[dict[str, Any]]:
        """All runs, youngest first: id, status, times, and tags as a dictionary.

        Asks again while the webserver finds its database away.
        """
        runs = self._ask_patiently(_RUNS)["runsOrError"]["results"]
        for run in runs:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return list(runs)

    def _ask_patiently(self, query: str, **variables: object) -> dict[str, Any]:
        for _ in range(_TRIES):
            with contextlib.suppress(OSError, ClusterError):
                return self.ask(query, **variables)
            time.sleep(1)
        return self.ask(query, **variables)

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The answer of the webserver to a GraphQL query.

        Raises:
            ClusterError: it is an error.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/graphql",
            body,
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            answer = json.load(reply)
        if "errors" in answer or "message" in str(answer.get("data", ""))[:200]:
            raise ClusterError(f"the webserver refuses: {answer}")
        return dict(answer["data"])
