"""Both services on loopback: what is sent, what is not, and what goes wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import huggingface_hub.constants
import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    ChecksumMismatch,
    InvalidInput,
    ServiceUnavailable,
)
from ben_assets.testing.hub_server import HubServer, Repository
from ben_assets.testing.upload_server import TOKEN, UploadServer
from ben_assets.testing.zenodo_server import Deposition, ZenodoServer
from resources.settings import Settings
from resources.uploads.huggingface import HubAccess, HuggingFace, Published
from resources.uploads.upload_file import UploadFile
from resources.uploads.zenodo import (
    Description,
    Draft,
    Zenodo,
    ZenodoAccess,
    flat_names,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=<...>':DeprecationWarning"  # huggingface_hub 2.4 on httpx2
)
HASTE = {
    "CDSE_FIRST_WAIT_SECONDS": "0.01",
    "CDSE_LONGEST_WAIT_SECONDS": "0.01",
}
REPO = "somebody/patches"
SERVERS: dict[str, type[UploadServer]] = {"hub": HubServer, "zenodo": ZenodoServer}


@dataclass
class User:
    """Somebody with five files to upload, one of them a part of a larger one."""

    server: UploadServer
    folder: Path
    log: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> list[UploadFile]:
        names = ("README.md", "index/a.parquet", "shards/train.tar", "lmdb/data.mdb")
        files = []
        for number, name in enumerate(names):
            path = self.folder / Path(name).name
            if not path.exists():
                path.write_bytes(b"---\nlicense: mit\n---\n" + bytes([number]) * 90_000)
            content = path.read_bytes()
            sha256 = self.recorded.get(name) or hashlib.sha256(content).hexdigest()
            files.append(UploadFile(name, path, len(content), recorded=sha256))
        part = UploadFile("lmdb/b.00001", path, 50_000, offset=7, is_part=True)
        return [*files, part]

    @property
    def contents(self) -> dict[str, bytes]:
        return {file.name: b"".join(file.blocks()) for file in self.files}

    def upload(self, *, publishes: bool = False) -> Published | Draft:
        environment = {**self.server.environment(), **HASTE, **self.settings}
        settings = Settings(environment)
        if isinstance(self.server, HubServer):
            access = HubAccess.from_settings(settings)
            client = HuggingFace(access, self.folder, self.log.append)
            return client.upload(REPO, self.files, publishes=publishes, message="all")
        about = Description("A release", "0123", "<p>About</p>", ["Doe, Jane"])
        zenodo = Zenodo(ZenodoAccess.from_settings(settings), self.log.append)
        draft = zenodo.upload(about, self.files)
        if publishes:
            zenodo.publish(draft)
        return draft

    @property
    def place(self) -> Repository | Deposition:
        if isinstance(self.server, HubServer):
            return self.server.repositories[REPO]
        assert isinstance(self.server, ZenodoServer)
        (found,) = self.server.depositions.values()
        return found

    @property
    def is_draft(self) -> bool:
        place = self.place
        if isinstance(place, Repository):
            return place.is_private
        return not place.is_published

    def require_all_there(self) -> None:
        expected = self.contents
        if isinstance(self.server, ZenodoServer):
            expected = {Path(name).name: body for name, body in expected.items()}
        assert self.place.files == expected
        assert not list(self.folder.glob(".*.part"))


@pytest.fixture(params=SERVERS)
def user(request, tmp_path, monkeypatch) -> Iterator[User]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with SERVERS[request.param]() as server:
        yield User(server, tmp_path)


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[User]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        yield User(server, tmp_path)


def test_all_files_are_in_a_draft_until_it_is_published(user):
    user.upload()
    user.require_all_there()
    assert user.is_draft
    user.upload(publishes=True)
    assert not user.is_draft


def test_a_second_upload_sends_nothing(user):
    user.upload()
    before = list(user.server.received)
    user.upload()
    assert user.server.received == before
    assert sum("already there" in line for line in user.log) == len(user.files)


def test_a_file_that_changed_is_sent_alone(user):
    user.upload()
    user.server.received.clear()
    path = user.folder / "train.tar"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    user.upload()
    assert len(user.server.received) == 1
    user.require_all_there()


def test_an_upload_that_is_cut_near_its_end_is_tried_again(user):
    user.server.cuts = 2
    user.upload()
    user.require_all_there()
    assert len(user.server.received) == len(set(user.server.received))


def test_a_service_that_stays_away_is_given_up_and_continued_later(user):
    user.server.during_upload = cut_after(user.server, 2)
    with pytest.raises(ServiceUnavailable, match=r"503|connection|Broken|later"):
        user.upload()
    sent = list(user.server.received)
    assert len(sent) == 2
    user.server.cuts, user.server.during_upload = 0, lambda number: None
    user.upload()
    user.require_all_there()
    assert user.server.received[:2] == sent
    assert len(user.server.received) == len(set(user.server.received))


def cut_after(server: UploadServer, count: int):
    def cut(number: int) -> None:
        server.cuts = 10_000 if number >= count else 0

    return cut


def test_a_token_that_is_revoked_on_the_way_says_so_and_stays_secret(user):
    def revoke(number: int) -> None:
        if number == 1:
            user.server.tokens.clear()

    user.server.during_upload = revoke
    with pytest.raises(AccessRefused, match=r"(HF|ZENODO)_TOKEN.*run again") as caught:
        user.upload()
    shown = "\n".join([str(caught.value), *user.log])
    assert not any(TOKEN[i : i + 4] in shown for i in range(len(TOKEN) - 3))
    user.server.tokens.add(TOKEN)
    user.upload()
    user.require_all_there()
    assert len(user.server.received) == len(set(user.server.received))


def test_a_wrong_digest_is_named_and_nothing_is_published(user):
    user.server.wrong |= {"shards/train.tar", "train.tar"}
    with pytest.raises(ChecksumMismatch, match=r"shards/train\.tar: expected"):
        user.upload(publishes=True)
    assert user.is_draft
    user.server.wrong.clear()
    user.upload(publishes=True)
    user.require_all_there()
    assert not user.is_draft


def test_a_file_that_is_not_as_recorded_is_not_published(user):
    """One byte of a tar changed on this disk after its record was written."""
    user.recorded = {file.name: file.sha256 for file in user.files}
    path = user.folder / "train.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    with pytest.raises(ChecksumMismatch, match=r"train\.tar: expected sha256 .*record"):
        user.upload(publishes=True)
    assert user.is_draft
    path.write_bytes(whole)
    user.upload(publishes=True)
    user.require_all_there()


def test_a_large_file_is_read_once(user, monkeypatch):
    """By us: the Hub's library hashes what it sends by itself."""
    read: list[str] = []
    blocks = UploadFile.blocks
    monkeypatch.setattr(
        UploadFile, "blocks", lambda file: read.append(file.name) or blocks(file)
    )
    for _ in range(2):
        user.upload()
        large = [name for name in read if name != "README.md"]
        assert len(large) == len(set(large))
        read.clear()


def test_a_public_repository_is_not_changed_unasked(hub):
    hub.upload(publishes=True)
    path = hub.folder / "train.tar"
    path.write_bytes(b"other")
    with pytest.raises(InvalidInput, match=r"is public.*--publish"):
        hub.upload()
    assert hub.place.files["shards/train.tar"] != b"other"
    hub.upload(publishes=True)
    hub.require_all_there()


def test_large_files_become_part_of_the_repository_in_one_commit(hub):
    seen: list[int] = []
    hub.server.during_upload = lambda number: seen.append(len(hub.place.files))
    hub.upload()
    assert seen == [0] * 4
    assert hub.place.commits == 1


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("TOKEN", "", "TOKEN is not set"),
        ("URL", "http://user:word@127.0.0.1", "is not an address as https"),
        ("URL", "http://example.org", "http://example.org is refused: expected https"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_sent(
    user, setting, value, says
):
    is_hub = isinstance(user.server, HubServer)
    names = {"TOKEN": "HF_TOKEN", "URL": "HF_ENDPOINT"}
    name = names[setting] if is_hub else f"ZENODO_{setting}"
    user.settings[name] = value
    with pytest.raises((InvalidInput, AccessRefused), match=says) as caught:
        user.upload()
    assert "word" not in str(caught.value).replace("password", "")
    assert user.server.received == []


def test_a_name_that_is_no_repository_is_refused(hub):
    access = HubAccess.from_settings(Settings({**hub.server.environment(), **HASTE}))
    client = HuggingFace(access, hub.folder, hub.log.append)
    with pytest.raises(InvalidInput, match="expected a repository as name/data-set"):
        client.upload("a/b/c", hub.files, publishes=False, message="all")


@pytest.mark.parametrize(
    ("names", "size", "says"),
    [
        (["a", "b"], 30_000_000_000, "at most 100 files of 50,000,000,000 bytes"),
        ([f"{n}" for n in range(101)], 1, "101 files"),
        (["x/a", "y/a"], 1, "several files are named a"),
    ],
    ids=["bytes", "files", "names"],
)
def test_what_no_record_holds_is_refused(tmp_path, names, size, says):
    files = [UploadFile(name, tmp_path, size) for name in names]
    with pytest.raises(InvalidInput, match=rf"{says}.*--only"):
        flat_names(files)


def test_a_draft_with_files_of_others_is_left_to_people(tmp_path):
    with ZenodoServer() as server:
        user = User(server, tmp_path)
        user.upload()
        user.place.files["notes.txt"] = b"mine"
        with pytest.raises(InvalidInput, match=r"not of this release: notes\.txt"):
            user.upload()


def test_a_part_is_the_bytes_of_its_place(tmp_path):
    path = tmp_path / "whole"
    path.write_bytes(bytes(range(200)))
    part = UploadFile("part", path, 50, offset=100, is_part=True)
    expected = bytes(range(100, 150))
    with part.on_disk(tmp_path) as copy:
        assert copy.read_bytes() == expected
    assert part.hex_digest("md5") == hashlib.md5(expected).hexdigest()
    path.write_bytes(bytes(120))
    with pytest.raises(ChecksumMismatch, match="expected 30 more bytes"):
        list(part.blocks())
