"""Zenodo on loopback: depositions, the files of their buckets, publishing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, cast

from ben_assets.testing.upload_server import TOKEN, UploadHandler, UploadServer


@dataclass
class Deposition:
    """A draft, or a record."""

    id: int
    """Its number."""
    metadata: dict[str, Any]
    """Title, version and the like."""
    files: dict[str, bytes] = field(default_factory=dict)
    """By name."""
    is_published: bool = False
    """Whether everybody sees it."""


class _Handler(UploadHandler):
    @property
    def zenodo(self) -> ZenodoServer:
        return cast(ZenodoServer, self.server.service)

    def answer(self, method: str, path: str, query: dict[str, str]) -> None:
        parts = path.strip("/").split("/")[1:]
        if method == "PUT":
            self._take(self.zenodo.depositions[int(parts[1])], parts[2])
        elif method == "POST" and parts == ["deposit", "depositions"]:
            self._make(json.loads(self.body())["metadata"])
        elif parts == ["deposit", "depositions"]:
            self._list(int(query["size"]), int(query["page"]))
        else:
            self._one(method, self.zenodo.depositions[int(parts[2])], parts[3:])

    def _make(self, metadata: dict[str, Any]) -> None:
        made = Deposition(len(self.zenodo.depositions) + 1, metadata)
        self.zenodo.depositions[made.id] = made
        self.send(self._describe(made), 201)

    def _list(self, size: int, page: int) -> None:
        drafts = [d for d in self.zenodo.depositions.values() if not d.is_published]
        shown = drafts[(page - 1) * size : page * size]
        self.send([self._describe(draft) for draft in shown])

    def _one(self, method: str, one: Deposition, parts: list[str]) -> None:
        if method == "DELETE":
            del one.files[parts[1]]
            self.send_response(204)
            self.end_headers()
        elif method == "POST":
            self.body()
            one.is_published = True
            self.send(self._describe(one), 202)
        else:
            self.send(self._describe(one))

    def _take(self, one: Deposition, name: str) -> None:
        content = self.upload(name)
        if content is not None:
            one.files[name] = content
            self.send({"key": name, "checksum": f"md5:{self._md5(name, content)}"}, 201)

    def _md5(self, name: str, content: bytes) -> str:
        is_wrong = name in self.zenodo.wrong
        return hashlib.md5(content + b"!" * is_wrong).hexdigest()

    def _describe(self, one: Deposition) -> dict[str, Any]:
        url = self.zenodo.url
        links = {
            "bucket": f"{url}/api/files/{one.id}",
            "html": f"{url}/deposit/{one.id}",
        }
        if one.is_published:
            links["record_html"] = f"{url}/records/{one.id}"
        files = [
            {
                "id": name,
                "filename": name,
                "filesize": len(content),
                "checksum": self._md5(name, content),
            }
            for name, content in one.files.items()
        ]
        return {
            "id": one.id,
            "metadata": one.metadata,
            "links": links,
            "files": files,
        }


class ZenodoServer(UploadServer):
    """The service; ``depositions`` is what it holds."""

    handler = _Handler

    def __init__(self) -> None:
        """Nothing is there yet."""
        super().__init__()
        self.depositions: dict[int, Deposition] = {}

    def environment(self) -> dict[str, str]:
        """The settings that lead a client here."""
        return {"ZENODO_TOKEN": TOKEN, "ZENODO_URL": f"{self.url}/api"}
