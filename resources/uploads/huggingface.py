"""The Hugging Face Hub by ``huggingface_hub``: objects first, then one commit.

Belongs here: what is asked of the Hub, and its failures. Not here: which files.
Large files go to the Hub's store, where nobody sees them, and a single commit makes
them files of the repository. What the store has already is not sent again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    ChecksumMismatch,
    InvalidInput,
    QuotaExceeded,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.outside_text import escaped
from resources.redaction import proxy_secrets, redacted
from resources.settings import Settings
from resources.transfers.public_access import PublicAccess
from resources.transfers.retrier import OwnPause, Retrier
from resources.transfers.timeouts import Timeouts
from resources.transfers.transport import RequestRefused, shown
from resources.uploads.hub_client import BoundedClient
from resources.uploads.upload_file import Tally, UploadFile

T = TypeVar("T")
URL: Final = "https://huggingface.co"
_KIND: Final = "dataset"
_MAIN: Final = "main"
_MAX_WORDS: Final = 600
_MOST_FILES: Final = 100_000
"""Of one repository, by the advice of the Hub."""
_QUERY: Final = re.compile(r"(?<=\S)\?\S+")


@dataclass(frozen=True)
class HubAccess:
    """Where the Hub is and who asks."""

    token: str = field(repr=False)
    """Access token (``HF_TOKEN``)."""
    url: str = URL
    """Its address (``HF_ENDPOINT``)."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """How long to try."""

    @classmethod
    def from_settings(cls, settings: Settings) -> HubAccess:
        """As ``HF_TOKEN`` and ``HF_ENDPOINT`` say.

        Raises:
            InvalidInput: there is no token, or the address is none.
            AccessRefused: the address is not safe for a token.
        """
        token = settings.token("HF_TOKEN")
        if token is None:
            raise InvalidInput(
                "HF_TOKEN is not set; expected a token with write access, made on the "
                "settings page of the Hugging Face account"
            )
        url = settings.address("HF_ENDPOINT", URL)
        PublicAccess(url).require_allowed(url)
        return cls(token, url, Timeouts.from_settings(settings).for_uploads())


@dataclass(frozen=True)
class Published:
    """What became of an upload."""

    url: str
    """Where people see it."""
    uploaded: int
    """Files that the Hub did not have in this repository."""
    is_public: bool
    """Whether everybody sees it."""


class HuggingFace:
    """A client of the Hub."""

    def __init__(
        self, access: HubAccess, scratch: Path, log: Callable[[str], None]
    ) -> None:
        """``scratch``: directory on disk for parts of large files, one at a time."""
        self._access = access
        self._api = HfApi(endpoint=access.url, token=access.token)
        self._client = BoundedClient(access.url, access.timeouts.stall_seconds)
        self._scratch = scratch
        self._log = log

    def upload(
        self, repo: str, files: Sequence[UploadFile], *, publishes: bool, message: str
    ) -> Published:
        """Have a repository hold all files, each verified by the Hub's own digest.

        A repository that is not there is made, private; ``publishes`` makes it public
        once all files are verified.

        Raises:
            InvalidInput: the name is none, or the repository is public already and
                ``publishes`` is not set.
            AccessRefused: the token is refused; what is there stays.
            ChecksumMismatch: the Hub states other digests than those of the files, or
                a file was changed after it was made.
            ServiceUnavailable: after all tries.
        """
        with _own_lines(self._log, self._access.token):
            return self._upload(repo, files, publishes=publishes, message=message)

    def _upload(
        self, repo: str, files: Sequence[UploadFile], *, publishes: bool, message: str
    ) -> Published:
        is_private = self._run(lambda: self._find_or_create(repo))
        if not is_private and not publishes:
            raise InvalidInput(
                f"{repo} is public: everybody would see the new files at once; make it "
                "private on its settings page, name another one, or say --publish"
            )
        tally = Tally(files, self._log)
        operations = list(self._send_missing(repo, files, tally))
        revision = self._commit(repo, operations, message) if operations else _MAIN
        sent = {one.path_in_repo: one.upload_info.sha256.hex() for one in operations}
        known = [
            replace(file, recorded=sent[file.name]) if file.name in sent else file
            for file in files
        ]
        self._require_same(repo, revision, known)
        if is_private and publishes:
            self._run(lambda: self._make_public(repo))
        return Published(
            f"{self._access.url}/datasets/{repo}", len(operations), publishes
        )

    def _find_or_create(self, repo: str) -> bool:
        """Whether the repository, made where it is not there, is private."""
        try:
            return bool(self._api.repo_info(repo, repo_type=_KIND).private)
        except RepositoryNotFoundError:
            self._api.create_repo(repo, repo_type=_KIND, visibility="private")
            self._log(f"{repo} is made, private")
            return True

    def _stored(self, repo: str, revision: str) -> dict[str, RepoFile]:
        rows = self._api.list_repo_tree(
            repo, recursive=True, revision=revision, repo_type=_KIND
        )
        found = list(islice(rows, _MOST_FILES + 1))
        if len(found) > _MOST_FILES:
            raise ServiceUnavailable(
                f"Hugging Face: the list of files of {repo} does not end"
            )
        return {row.path: row for row in found if isinstance(row, RepoFile)}

    def _send_missing(
        self, repo: str, files: Sequence[UploadFile], tally: Tally
    ) -> Iterator[CommitOperationAdd]:
        """Send what the repository lacks; what is to be committed of it."""
        stored = self._run(lambda: self._stored(repo, _MAIN))
        for file in files:
            if _difference(file, stored.get(file.name)) is None:
                tally.add(file, "already there")
                continue
            with file.on_disk(self._scratch) as path:
                operation = CommitOperationAdd(file.name, str(path))
                self._send(repo, operation)
                file.require_sent(operation.upload_info.sha256.hex())
            tally.add(file, "sent")
            yield operation

    def _send(self, repo: str, operation: CommitOperationAdd) -> None:
        self._run(
            lambda: self._api.preupload_lfs_files(repo, [operation], repo_type=_KIND)
        )

    def _commit(
        self, repo: str, operations: Sequence[CommitOperationAdd], message: str
    ) -> str:
        """Make one commit of all that was sent; its revision."""
        made = self._run(
            lambda: self._api.create_commit(
                repo, operations, commit_message=message, repo_type=_KIND
            )
        )
        return str(made.oid)

    def _require_same(
        self, repo: str, revision: str, files: Sequence[UploadFile]
    ) -> None:
        stored = self._run(lambda: self._stored(repo, revision))
        found = [(file, _difference(file, stored.get(file.name))) for file in files]
        unlike = [f"{file.name}: {what}" for file, what in found if what is not None]
        if unlike:
            raise ChecksumMismatch(
                f"{len(unlike)} files of {repo} differ from the release: "
                f"{'; '.join(unlike[:5])}. It was not made public; run again to send "
                "them once more"
            )
        names = {file.name for file in files} | {".gitattributes"}
        if more := sorted(stored.keys() - names):
            self._log(f"{repo} also has {', '.join(more)}")

    def _make_public(self, repo: str) -> None:
        self._api.update_repo_settings(repo, visibility="public", repo_type=_KIND)

    def _run(self, action: Callable[[], T]) -> T:
        """The result of a request, tried again while that can help."""

        def attempt() -> T:
            hidden = _hub_errors(self._access.token)
            with hidden, self._client.ended_after(attempts.seconds_left):
                return action()

        timeouts = self._access.timeouts
        attempts = Retrier(timeouts, OwnPause(timeouts), self._log)
        return attempts.run(attempt)


def _difference(file: UploadFile, stored: RepoFile | None) -> str | None:
    """What the Hub states of a file that is not so; None where it is the same."""
    if stored is None:
        return "not there"
    if stored.size != file.size:
        return f"expected {file.size} bytes, found {stored.size}"
    if stored.lfs is not None:
        expected, found = file.sha256, stored.lfs.sha256
    else:  # git's own: SHA-1 of a header and the content
        header = f"blob {file.size}\0".encode()
        expected, found = file.hex_digest("sha1", header), stored.blob_id
    return None if expected == found else f"expected digest {expected}, found {found}"


class _Lines(logging.Handler):
    """What the library logs, headers and addresses of the service among it."""

    def __init__(self, log: Callable[[str], None], token: str) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._token = token

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line on as fit to be shown, addresses without their signatures."""
        said = _QUERY.sub("", record.getMessage())
        self._log(escaped(_hidden(said, self._token), _MAX_WORDS))


@contextmanager
def _own_lines(log: Callable[[str], None], token: str) -> Iterator[None]:
    """Have ``log`` take what the library logs, in place of the terminal."""
    logger = logging.getLogger("huggingface_hub")
    before, logger.handlers = logger.handlers, [_Lines(log, token)]
    try:
        yield
    finally:
        logger.handlers = before


def _hidden(text: str, token: str) -> str:
    return redacted(text, [token, *proxy_secrets()])


@contextmanager
def _hub_errors(token: str) -> Iterator[None]:
    """Turn what ``huggingface_hub`` raises into failures of ours, without the token."""
    try:
        yield
    except BenError:
        raise
    except (KeyError, TypeError, AttributeError) as error:
        raise ServiceUnavailable(
            "Hugging Face: the answer is not what the interface describes "
            f"({type(error).__name__})"
        ) from None
    except (httpx2.HTTPError, RuntimeError, ValueError) as error:
        cause: BaseException = error
        while cause.__cause__ and not isinstance(cause, httpx2.HTTPError):
            cause = cause.__cause__
        if isinstance(cause, HfHubHTTPError):
            raise _classified(cause, token) from None
        text = _hidden(f"Hugging Face: {cause or type(cause).__name__}", token)
        if isinstance(cause, HFValidationError):
            raise InvalidInput(
                f"{text}; expected a repository as name/data-set"
            ) from None
        raise ServiceUnavailable(text) from None


def _classified(error: HfHubHTTPError, token: str) -> BenError:
    """The failure that a status stands for; addresses without their signatures."""
    status = error.response.status_code
    said = escaped(error.server_message or "", _MAX_WORDS)
    text = f"{shown(str(error.response.url))}: HTTP {status} {said}".strip()
    text = _hidden(text, token)
    if status in (401, 403):
        return AccessRefused(
            f"{text}. Check HF_TOKEN: it needs write access to the repository; what "
            "was sent stays: run again"
        )
    if status == 429:
        return QuotaExceeded(text)
    if status in (408, 409, 412) or status >= 500:
        return ServiceUnavailable(text)
    return RequestRefused(f"{text}; the Hub does not take this request")
