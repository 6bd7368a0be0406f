"""Zenodo by its REST interface: a draft, its files, and publishing it.

Belongs here: what the service is asked and what it means. Not here: which files.
Addresses, limits and fields: developers.zenodo.org and help.zenodo.org (2025). A record
has no directories, so files go by the last part of their names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    ChecksumMismatch,
    InvalidInput,
    ServiceUnavailable,
)
from resources.redaction import redacted
from resources.settings import Settings
from resources.transfers.download import Progress
from resources.transfers.public_access import PublicAccess
from resources.transfers.retrier import OwnPause, Retrier
from resources.transfers.timeouts import Timeouts
from resources.transfers.transport import Request, Transport, Unauthorized
from resources.uploads.upload_file import Sending, Tally, UploadFile

T = TypeVar("T")
URL: Final = "https://zenodo.org/api"
MOST_FILES: Final = 100
"""Files of one record."""
MOST_BYTES: Final = 50_000_000_000
"""Bytes of one record, unless Zenodo granted more."""
_PAGE: Final = 100
_MOST_PAGES: Final = 100
_LICENCE: Final = "cdla-permissive-1.0"
_JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class ZenodoAccess(PublicAccess):
    """Where the service is and who asks; all requests stay on its host."""

    token: str = field(default="", repr=False)
    """Personal access token (``ZENODO_TOKEN``)."""

    @classmethod
    def from_settings(cls, settings: Settings) -> ZenodoAccess:
        """As ``ZENODO_TOKEN`` and ``ZENODO_URL`` say.

        Raises:
            InvalidInput: there is no token, or the address is none.
        """
        token = settings.token("ZENODO_TOKEN")
        if token is None:
            raise InvalidInput(
                "ZENODO_TOKEN is not set; expected a personal access token with the "
                "scopes deposit:write and deposit:actions, made on the applications "
                "page of the Zenodo account"
            )
        timeouts = Timeouts.from_settings(settings).for_uploads()
        return cls(settings.address("ZENODO_URL", URL), timeouts, token=token)

    def without_secrets(self, text: str, *more: str | None) -> str:
        """``text`` with the token, and ``more``, redacted."""
        return redacted(text, (self.token, *more))


@dataclass(frozen=True)
class Description:
    """What a record says of itself."""

    title: str
    """Title; with ``version`` it tells a draft from others."""
    version: str
    """Start of a digest of the release."""
    text: str
    """Description, HTML."""
    creators: Sequence[str]
    """Names, as ``Family name, Given names``."""

    def as_json(self) -> bytes:
        """The body of a request that makes a draft of it."""
        metadata = {
            "title": self.title,
            "version": self.version,
            "upload_type": "dataset",
            "access_right": "open",
            "license": _LICENCE,
            "description": self.text,
            "creators": [{"name": name} for name in self.creators],
        }
        return json.dumps({"metadata": metadata}).encode()


@dataclass(frozen=True)
class StoredFile:
    """A file as the service states it."""

    id: str
    """Names it."""
    size: int
    """Its size."""
    md5: str
    """MD5, hex."""


@dataclass(frozen=True)
class Draft:
    """A record that is not published."""

    id: int
    """Number of the deposition."""
    bucket: str
    """Address below which its files are put."""
    page: str
    """Where people see it."""
    files: Mapping[str, StoredFile]
    """By name."""


class Zenodo:
    """A client of the service."""

    def __init__(self, access: ZenodoAccess, log: Callable[[str], None]) -> None:
        """Nothing is asked yet; ``log`` gets progress and failures."""
        self._access = access
        self._transport = Transport(access)
        self._log = self._transport.quiet(log)

    def upload(self, description: Description, files: Sequence[UploadFile]) -> Draft:
        """The draft of a release with all its files, each verified by its MD5.

        An earlier draft of the same title and version is continued.

        Raises:
            InvalidInput: too many files, too large, or two of one name.
            AccessRefused: the token is refused; what is there stays in the draft.
            ChecksumMismatch: the service states other digests than those of the files,
                or a file was changed after it was made.
            ServiceUnavailable: after all tries.
        """
        with self._transport.hiding():
            return self._upload(description, files)

    def _upload(self, description: Description, files: Sequence[UploadFile]) -> Draft:
        named = flat_names(files)
        draft = self._run(lambda: self._find_or_create(description))
        self._log(f"draft {draft.page}")
        tally = Tally(files, self._log)
        expected = {
            name: self._bring(draft, name, file, tally) for name, file in named.items()
        }
        found = self._run(lambda: self._draft(draft.id))
        _require_same(expected, found)
        return replace(found, page=self._transport.without_secrets(found.page))

    def publish(self, draft: Draft) -> str:
        """Publish a draft, which cannot be undone; returns the address of the record.

        Raises:
            AccessRefused: the token may not.
        """
        path = f"deposit/depositions/{draft.id}/actions/publish"
        accepted = frozenset((200, 201, 202))
        reply = self._run(lambda: self._ask(path, b"{}", "POST", accepted))
        links = reply.get("links")
        found = links.get("record_html") if isinstance(links, dict) else None
        return self._transport.without_secrets(str(found or draft.page))

    def _find_or_create(self, description: Description) -> Draft:
        for row in self._own_drafts():
            metadata = row.get("metadata")
            if isinstance(metadata, dict) and (
                metadata.get("title"),
                metadata.get("version"),
            ) == (description.title, description.version):
                return self._draft(int(str(row["id"])))
        made = self._ask("deposit/depositions", description.as_json(), "POST")
        return _parse_draft(made)

    def _own_drafts(self) -> Iterator[dict[str, object]]:
        for page in range(1, _MOST_PAGES + 1):
            query = urlencode({"status": "draft", "size": _PAGE, "page": page})
            rows = self._ask_list(f"deposit/depositions?{query}")
            yield from rows
            if len(rows) < _PAGE:
                return
        raise ServiceUnavailable(
            f"Zenodo: the list of own drafts does not end after {_MOST_PAGES} pages"
        )

    def _draft(self, number: int) -> Draft:
        return _parse_draft(self._ask(f"deposit/depositions/{number}"))

    def _bring(self, draft: Draft, name: str, file: UploadFile, tally: Tally) -> str:
        """Have one file there; its MD5."""
        there = draft.files.get(name)
        if there is not None:
            if there.size == file.size and there.md5 == file.hex_digest("md5"):
                tally.add(file, "already there")
                return there.md5
            path = f"deposit/depositions/{draft.id}/files/{quote(there.id, safe='')}"
            self._run(lambda: self._delete(path))
        md5 = self._run(lambda: self._put(draft, name, file))
        tally.add(file, "uploaded")
        return md5

    def _put(self, draft: Draft, name: str, file: UploadFile) -> str:
        """Send one file; the MD5 of what was sent, which the service states too."""
        sending = Sending(file, Progress(file.name, file.size, self._log))
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(file.size),
        }
        request = Request(
            f"{draft.bucket}/{quote(name)}",
            headers,
            self._access.token,
            method="PUT",
            content=sending.blocks,
        )
        reply = self._transport.json(request)
        stated = str(reply.get("checksum", "")).removeprefix("md5:")
        if stated != sending.md5:
            raise ChecksumMismatch(
                f"{file.name}: expected MD5 {sending.md5}, Zenodo states "
                f"{stated or 'none'}; nothing was published: run again to send it once "
                "more"
            )
        file.require_sent(sending.sha256)
        return sending.md5

    def _delete(self, path: str) -> None:
        request = Request(
            f"{self._access.home}/{path}",
            token=self._access.token,
            method="DELETE",
            accepted=frozenset((200, 204, 404)),  # 404: an earlier try did it
        )
        with self._transport.open(request):
            pass

    def _ask(
        self,
        path: str,
        body: bytes | None = None,
        method: str | None = None,
        accepted: frozenset[int] = frozenset((200, 201)),
    ) -> dict[str, object]:
        url = f"{self._access.home}/{path}"
        return self._transport.json(
            Request(url, _JSON, self._access.token, body, method, accepted=accepted)
        )

    def _ask_list(self, path: str) -> list[dict[str, object]]:
        url = f"{self._access.home}/{path}"
        body, kind = self._transport.read(Request(url, _JSON, self._access.token))
        try:
            rows = json.loads(body)
        except (ValueError, RecursionError):
            rows = None
        if not isinstance(rows, list):
            raise ServiceUnavailable(f"{url}: expected a JSON list, found {kind}")
        return [row for row in rows if isinstance(row, dict)]

    def _run(self, action: Callable[[], T]) -> T:
        timeouts = self._access.timeouts
        try:
            return Retrier(timeouts, OwnPause(timeouts), self._log).run(action)
        except Unauthorized as error:
            raise AccessRefused(
                f"Zenodo refuses the token: {error}. Check ZENODO_TOKEN and its scopes "
                "deposit:write and deposit:actions; what was uploaded stays in the "
                "draft: run again"
            ) from None


def flat_names(files: Iterable[UploadFile]) -> dict[str, UploadFile]:
    """Name in a record to file.

    Raises:
        InvalidInput: more files or bytes than a record holds, or two of one name.
    """
    files = list(files)
    names = Counter(file.name.rpartition("/")[2] for file in files)
    total = sum(file.size for file in files)
    if len(files) > MOST_FILES or total > MOST_BYTES:
        raise InvalidInput(
            f"{len(files)} files of {total:,} bytes: a Zenodo record holds at most "
            f"{MOST_FILES} files of {MOST_BYTES:,} bytes together; choose some by "
            "--only, as --only archives --only index"
        )
    if twice := [name for name, count in names.items() if count > 1]:
        raise InvalidInput(
            f"a Zenodo record has no directories, and several files are named "
            f"{', '.join(twice)}; choose some by --only"
        )
    return {file.name.rpartition("/")[2]: file for file in files}


def _parse_draft(row: Mapping[str, object]) -> Draft:
    """A draft from the service's answer.

    Raises:
        ServiceUnavailable: the answer is not what the interface describes.
    """
    try:
        links, files = row["links"], row.get("files") or []
        if not (isinstance(links, dict) and isinstance(files, list)):
            raise TypeError
        return Draft(
            id=int(str(row["id"])),
            bucket=str(links["bucket"]),
            page=str(links.get("html") or links.get("self")),
            files={
                str(one["filename"]): StoredFile(
                    str(one["id"]),
                    int(one["filesize"]),
                    str(one["checksum"]).removeprefix("md5:"),
                )
                for one in files
            },
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceUnavailable(
            f"Zenodo: expected a deposition with id, links and files, found "
            f"{sorted(map(str, row))} ({type(error).__name__})"
        ) from None


def _require_same(expected: Mapping[str, str], draft: Draft) -> None:
    found = {name: file.md5 for name, file in draft.files.items()}
    if unlike := [
        f"{name}: expected MD5 {md5}, found {found.get(name, 'no such file')}"
        for name, md5 in expected.items()
        if found.get(name) != md5
    ]:
        raise ChecksumMismatch(
            f"{len(unlike)} files of the draft {draft.page} differ from the release: "
            f"{'; '.join(unlike[:5])}. Nothing was published; run again to send them "
            "once more"
        )
    if more := sorted(found.keys() - expected.keys()):
        raise InvalidInput(
            f"the draft {draft.page} has files that are not of this release: "
            f"{', '.join(more[:5])}; remove them on its page, or delete the draft"
        )
