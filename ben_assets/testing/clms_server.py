"""The Land Monitoring Service on loopback: tokens, data requests, files.

It checks the signature and the claims of each assertion with the key's public half, and
takes as many polls as told before a task is done. Made after the public documentation.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import io
import json
import secrets
import time
import zipfile
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ben_assets.testing.loopback import Host, LoopbackServer

DATASET: Final = "0407d497d3c44bcd93ce8fd5bf78596a"
FILE_ID: Final = "6a5bd5f0-0f0c-4c4f-9b60-b3b5b3d0b2b9"
GEOPACKAGE: Final = "U2018_CLC2018_V2020_20u1.gpkg"


class ClmsServer(LoopbackServer):
    """Answers while its ``with`` block runs; tests change its fields."""

    def __init__(self, content: bytes) -> None:
        """``content``: the GeoPackage it hands out."""
        self.content = content
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.polls_left = 2
        self.final_state = "Finished_ok"
        self.body: bytes | None = None
        """Instead of the zip with the GeoPackage."""
        self.cut_after: int | None = None
        """Bytes after which the first download ends."""
        self.token_seconds = 3600
        self.tokens: set[str] = set()
        self.tasks: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.authorizations: dict[str, set[str]] = {"api": set(), "file": set()}
        self.ranges: list[str] = []
        self.hosts = (_Host(self),)

    def service_key(self) -> dict[str, str]:
        """The key file's content."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "client_id": "demo-client",
            "user_id": "demo-user",
            "token_uri": f"{self.address}/@@oauth2-token",
            "private_key": pem.decode(),
        }

    def packed(self) -> bytes:
        """What a download gives."""
        if self.body is not None:
            return self.body
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(f"Results/{GEOPACKAGE}", self.content)
            archive.writestr("Results/readme.txt", b"about")
        return made.getvalue()

    def is_signed(self, assertion: str) -> bool:
        """Whether an assertion is what the documentation asks for."""
        text, _, signature = assertion.rpartition(".")
        try:
            self.key.public_key().verify(
                _decoded(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return False
        claims = json.loads(_decoded(text.split(".")[1]))
        key = self.service_key()
        wanted = (key["client_id"], key["user_id"], key["token_uri"])
        found = tuple(claims[name] for name in ("iss", "sub", "aud"))
        return found == wanted and claims["exp"] > time.time()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def clms(self) -> ClmsServer:
        return self.server.clms  # type: ignore[attr-defined,no-any-return]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            if self.path.startswith("/file"):
                self._send_file()
            elif self._is_allowed():
                self._answer(urlsplit(self.path).path)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/@@oauth2-token":
            self._give_token(parse_qs(body.decode()))
        elif self._is_allowed():
            self.clms.requests.append(json.loads(body))
            task = str(len(self.clms.tasks) + 1000)
            self.clms.tasks.append(task)
            self._send({"TaskIds": [{"TaskID": task}]}, 201)

    def _give_token(self, form: dict[str, list[str]]) -> None:
        if not self.clms.is_signed(form["assertion"][0]):
            self._send({"error": "invalid_grant"}, 400)
            return
        token = secrets.token_hex(16)
        self.clms.tokens.add(token)
        seconds = self.clms.token_seconds
        self._send({"access_token": token, "expires_in": seconds}, 200)

    def _is_allowed(self) -> bool:
        sent = self.headers.get("Authorization", "")
        self.clms.authorizations["api"].add(sent)
        if sent.removeprefix("Bearer ") in self.clms.tokens:
            return True
        self._send({"message": "token expired"}, 401)
        return False

    def _answer(self, path: str) -> None:
        if path.endswith("@search"):
            file = {"@id": FILE_ID, "file": GEOPACKAGE, "format": "Geopackage"}
            raster = {"@id": "other", "file": "u2018.tif", "format": "Geotiff"}
            listed = {"items": [raster, file]}
            row = {"UID": DATASET, "downloadable_files": listed}
            self._send({"items": [row]}, 200)
        elif path.endswith("@datarequest_search"):
            self._send({task: self._state() for task in self.clms.tasks}, 200)
        else:
            self._send({}, 404)

    def _state(self) -> dict[str, str]:
        if self.clms.polls_left > 0:
            self.clms.polls_left -= 1
            return {"Status": "Queued"}
        url = f"{self.clms.address}/file.zip"
        return {"Status": self.clms.final_state, "DownloadURL": url}

    def _send_file(self) -> None:
        self.clms.authorizations["file"].add(self.headers.get("Authorization", ""))
        body, start = self.clms.packed(), 0
        if "Range" in self.headers:
            self.clms.ranges.append(self.headers["Range"])
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            told = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.send_header("Content-Range", told)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.close_connection = True
        end, self.clms.cut_after = self.clms.cut_after, None
        self.wfile.write(body[start:end])

    def _send(self, content: dict[str, Any], status: int) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Host(Host):
    def __init__(self, clms: ClmsServer) -> None:
        self.clms = clms
        super().__init__(_Handler)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
