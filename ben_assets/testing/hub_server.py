"""The Hugging Face Hub on loopback, with its store of large files by Git LFS.

A client uses that store where ``HF_HUB_DISABLE_XET`` is 1; it does not speak Xet.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ben_assets.testing.upload_server import TOKEN, UploadHandler, UploadServer

_TEXTS: Final = (".md", ".json", ".cff", "LICENSE")
"""Ends of names of files that are no large ones."""


@dataclass
class Repository:
    """A repository of data."""

    is_private: bool
    """Whether others see it."""
    files: dict[str, bytes] = field(default_factory=dict)
    """By path."""
    commits: int = 0
    """Number of commits."""


class _Handler(UploadHandler):
    @property
    def hub(self) -> HubServer:
        return cast(HubServer, self.server.service)

    def answer(self, method: str, path: str, query: dict[str, str]) -> None:
        if path.startswith("/store/"):
            self._take(path.rpartition("/")[2])
        elif path == "/api/repos/create":
            self._make(json.loads(self.body()))
        elif path == "/api/validate-yaml":
            self.body()
            self.send({"errors": [], "warnings": []})
        elif path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(self.body())["objects"])
        else:
            parts = path.split("/", 5)
            self._of_repository(f"{parts[3]}/{parts[4]}", [*parts[5:], ""][0])

    def _of_repository(self, name: str, rest: str) -> None:
        repo = self.hub.repositories.get(name)
        body = self.body()
        if repo is None:
            self.send({"error": "none"}, 404, X_Error_Code="RepoNotFound")
        elif rest.startswith("tree/"):
            self.send([self._describe(*file) for file in repo.files.items()])
        elif rest.startswith("preupload/"):
            self._choose_modes(json.loads(body)["files"])
        elif rest.startswith("commit/"):
            self._commit(name, repo, [json.loads(line) for line in body.splitlines()])
        elif rest == "settings":
            repo.is_private = json.loads(body)["visibility"] == "private"
            self.send({"private": repo.is_private})
        else:
            self.send({"id": name, "private": repo.is_private, "sha": "0" * 40})

    def _make(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        self.hub.repositories[name] = Repository(wanted["visibility"] == "private")
        self.send({"url": f"{self.hub.url}/datasets/{name}"})

    def _choose_modes(self, files: list[dict[str, Any]]) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "regular" if file["path"].endswith(_TEXTS) else "lfs",
                "shouldIgnore": False,
            }
            for file in files
        ]
        self.send({"files": modes})

    def _batch(self, objects: list[dict[str, Any]]) -> None:
        """Where to send what the store lacks; nothing for the rest."""
        for one in objects:
            if one["oid"] not in self.hub.store:
                href = f"{self.hub.url}/store/{one['oid']}"
                one["actions"] = {"upload": {"href": href}}
        self.send({"transfer": "basic", "objects": objects})

    def _take(self, oid: str) -> None:
        content = self.upload(oid)
        if content is not None:
            is_right = hashlib.sha256(content).hexdigest() == oid
            if is_right:
                self.hub.store[oid] = content
            self.send({}, 200 if is_right else 400)

    def _commit(self, name: str, repo: Repository, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repo.files[value["path"]] = self.hub.store[value["oid"]]
        repo.commits += 1
        oid = f"{repo.commits:040d}"
        url = f"{self.hub.url}/datasets/{name}/commit/{oid}"
        self.send({"commitUrl": url, "commitOid": oid})

    def _describe(self, path: str, content: bytes) -> dict[str, Any]:
        stated = content + b"!" * (path in self.hub.wrong)
        blob = hashlib.sha1(b"blob %d\0" % len(content) + stated).hexdigest()
        row = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if path.endswith(_TEXTS):
            return row
        oid = hashlib.sha256(stated).hexdigest()
        return {**row, "lfs": {"oid": oid, "size": len(content), "pointerSize": 134}}


class HubServer(UploadServer):
    """The service; ``repositories`` and ``store`` are what it holds."""

    handler = _Handler

    def __init__(self) -> None:
        """Nothing is there yet."""
        super().__init__()
        self.repositories: dict[str, Repository] = {}
        self.store: dict[str, bytes] = {}
        """SHA-256 to the content of a large file."""

    def environment(self) -> dict[str, str]:
        """The settings that lead a client here."""
        return {
            "HF_TOKEN": TOKEN,
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
        }
