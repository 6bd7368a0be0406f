"""Requests to CLMS: a token, a data request, its state until the file is there.

Belongs here: what the service is asked and what its states mean. Not here: which file
(``corine``), the download itself (``download``). Whole data sets are handed out as
prepackaged files, on request, in minutes to hours. Not tried against the real service.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    InvalidInput,
    ProductGone,
    ServiceUnavailable,
)
from resources.clms.service_key import ServiceKey
from resources.redaction import redacted
from resources.transfers.public_access import is_loopback
from resources.transfers.retrier import OwnPause, Retrier
from resources.transfers.timeouts import Timeouts
from resources.transfers.transport import (
    Request,
    RequestRefused,
    Transport,
    Unauthorized,
)

URL: Final = "https://land.copernicus.eu/api"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_RENEW_BEFORE_SECONDS: Final = 60
_USUAL_LIFETIME: Final = 3600.0
_LONGEST_LIFETIME: Final = 86_400.0
"""Seconds that a token lives; a service that says more is not believed."""
_DONE: Final = "Finished_ok"
_ENDED: Final = {
    "Rejected": "the service rejected the request; ask for the file on its site",
    "Finished_nok": "the service failed to make the file; ask again",
    "Cancelled": "the request was cancelled; ask again",
}
"""States that nothing follows, and what to do."""
_TASK_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class ClmsOptions:
    """Where the service is, who asks, and how patiently."""

    key: ServiceKey
    """Of the account."""
    url: str = URL
    """Address of its API (``CLMS_URL``)."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """How long to wait for an answer."""
    poll_seconds: float = 60
    """Between two questions for the state of a task."""
    wait_seconds: float = 6 * 3600
    """How long to wait for a task; it can be taken up again later."""

    def require_allowed(self, url: str) -> None:
        """Refuse an address that must not see key or token.

        Raises:
            AccessRefused: neither the API's nor the token's host, or no https.
        """
        parts = urlsplit(url)
        hosts = {urlsplit(known).netloc for known in (self.url, self.key.token_uri)}
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and is_loopback(parts.hostname or "")
        )
        if parts.netloc not in hosts or not is_safe:
            raise AccessRefused(
                f"{parts.scheme}://{parts.netloc.rpartition('@')[2]} is refused: "
                f"expected https and one of {_named(hosts)}; check CLMS_URL "
                "and the token_uri of the service key"
            )

    def without_secrets(self, text: str, *more: str | None) -> str:
        """``text`` with the private key, and ``more``, redacted."""
        return redacted(text, (self.key.private_key, *more))


@dataclass(frozen=True)
class FileRequest:
    """A prepackaged file of a data set."""

    dataset_id: str
    """Its data set."""
    file_id: str
    """Itself."""


@dataclass(frozen=True)
class Task:
    """A data request as the service sees it."""

    id: str
    """Names it."""
    state: str
    """``Queued``, ``In_progress``, ``Finished_ok``, ``Rejected`` ..."""
    download_url: str
    """Where the file is; empty until it is there."""


class Clms:
    """A client of the service."""

    def __init__(self, options: ClmsOptions, log: Callable[[str], None]) -> None:
        """Nothing is asked yet; ``log`` gets progress and failures."""
        self._options = options
        self.transport = Transport(options)
        self._log = self.transport.quiet(log)
        self._token = ""
        self._token_ends = 0.0

    def files(self, dataset_id: str, title: str) -> list[dict[str, str]]:
        """The prepackaged files of a data set, as the service describes them.

        Raises:
            ProductGone: the service has no such data set.
        """
        query = {
            "portal_type": "DataSet",
            "SearchableText": title,
            "metadata_fields": ["UID", "downloadable_files"],
        }
        reply = self._ask(f"@search?{urlencode(query, doseq=True)}")
        items = reply.get("items")
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict) and item.get("UID") == dataset_id:
                listed = item.get("downloadable_files")
                rows = listed.get("items") if isinstance(listed, dict) else None
                return [
                    {str(k): str(v) for k, v in row.items()}
                    for row in (rows if isinstance(rows, list) else [])
                    if isinstance(row, dict)
                ]
        raise ProductGone(
            f"{self._options.url} lists no data set {dataset_id} ({title}); get the "
            "file by hand from its site"
        )

    def request(self, wanted: FileRequest) -> str:
        """Ask for a file; the id of the task.

        Raises:
            AccessRefused: the key is refused.
            ServiceUnavailable: no task came of it.
        """
        body = {
            "Datasets": [{"DatasetID": wanted.dataset_id, "FileID": wanted.file_id}]
        }
        reply = self._ask("@datarequest_post", body)
        ids = reply.get("TaskIds")
        first = ids[0] if isinstance(ids, list) and ids else {}
        task = str(first.get("TaskID", "")) if isinstance(first, dict) else ""
        if not _TASK_ID.fullmatch(task):
            raise ServiceUnavailable(
                f"{self._options.url}: expected the id of a task, found "
                f"{self.transport.without_secrets(json.dumps(reply))[:200]}"
            )
        return task

    def wait_for(self, task_id: str) -> str:
        """The address of a task's file, once it is there.

        Raises:
            ProductGone: the service does not know the task (any more).
            InvalidInput: the task ended without a file.
            ServiceUnavailable: it is not there yet; it can be waited for again.
        """
        started = time.monotonic()
        while True:
            task = self._task(task_id)
            waited = time.monotonic() - started
            if task.state == _DONE and task.download_url:
                return task.download_url
            if task.state in _ENDED:
                raise InvalidInput(
                    f"task {task_id}: {task.state}: {_ENDED[task.state]}"
                )
            if waited + self._options.poll_seconds > self._options.wait_seconds:
                raise ServiceUnavailable(
                    f"task {task_id} is still {task.state} after {waited:.0f} s; run "
                    "the same command again later, it goes on with this task"
                )
            self._log(f"task {task_id}: {task.state}, {waited:.0f} s")
            time.sleep(self._options.poll_seconds)

    def _task(self, task_id: str) -> Task:
        reply = self._ask("@datarequest_search?status=All")
        row = reply.get(task_id)
        if not isinstance(row, dict):
            raise ProductGone(
                f"{self._options.url} does not know the task {task_id}; run the "
                "command again to ask for the file anew"
            )
        url = row.get("DownloadURL") or ""
        return Task(task_id, str(row.get("Status", "unknown")), str(url))

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        attempts = Retrier(
            self._options.timeouts, OwnPause(self._options.timeouts), self._log
        )
        return attempts.run(lambda: self._ask_once(path, body))

    def _ask_once(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        form = None if body is None else json.dumps(body).encode()
        url = f"{self._options.url}/{path}"
        try:
            return self.transport.json(Request(url, headers, self._fresh(), form))
        except Unauthorized as error:
            was_old, self._token = self._token, ""
            if error.says_expired and was_old:
                raise ServiceUnavailable(f"{error}; the token is renewed", 0) from None
            raise _refused(error) from None

    def _fresh(self) -> str:
        """A token that should be accepted."""
        if self._token and time.time() < self._token_ends:
            return self._token
        form = {
            "grant_type": _GRANT,
            "assertion": self._options.key.assertion(time.time()),
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        uri = self._options.key.token_uri
        try:
            reply = self.transport.json(
                Request(uri, kind, form=urlencode(form).encode())
            )
        except (Unauthorized, RequestRefused) as error:
            raise _refused(error) from None
        self._token = str(reply.get("access_token") or "")
        if not self._token:
            raise ServiceUnavailable("the token service answered without access_token")
        lifetime = reply.get("expires_in")
        seconds = _USUAL_LIFETIME
        if isinstance(lifetime, int | float) and 0 < lifetime < _LONGEST_LIFETIME:
            seconds = lifetime
        self._token_ends = time.time() + seconds - _RENEW_BEFORE_SECONDS
        return self._token


def _named(hosts: set[str]) -> str:
    """Hosts for people, without the user and password that a key file may hold."""
    return ", ".join(sorted(host.rpartition("@")[2] for host in hosts))


def _refused(error: BenError) -> AccessRefused:
    return AccessRefused(
        f"the service key is refused: {error}. Check CLMS_SERVICE_KEY: a key that was "
        "revoked is made anew on the account page of land.copernicus.eu"
    )
