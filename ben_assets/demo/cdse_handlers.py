"""How the hosts of the loopback CDSE answer; see ``cdse_server``."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.server
import json
import re
import secrets
import select
import socket
import struct
import termios
import time
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from ben_assets.demo.cdse_faults import NAMED, Fault

if TYPE_CHECKING:
    from ben_assets.demo.cdse_server import CdseServer

_PRODUCT: Final = re.compile(r"/odata/v1/Products\(([^)]*)\)(/\$value)?")


class _Handler(http.server.BaseHTTPRequestHandler):
    """What all hosts have in common: counting, faults, sending."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    role = ""

    @property
    def cdse(self) -> CdseServer:
        return self.server.cdse  # type: ignore[attr-defined,no-any-return]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""

    def do_GET(self) -> None:
        """Count, then answer."""
        parts = urlsplit(self.path)
        seen = self.cdse.seen
        with self.cdse.lock:
            seen.paths.append(self.path)
            if "Authorization" in self.headers:
                seen.authorizations[self.role].add(self.headers["Authorization"])
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with contextlib.suppress(ConnectionError):
            self.answer(unquote(parts.path), query)

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Answer a GET."""
        raise NotImplementedError

    def fault(self, route: str) -> Fault:
        """The fault to play, after counting the request."""
        with self.cdse.lock:
            self.cdse.seen.requests[route] += 1
        return self.cdse.script.next(route)

    def is_spoilt(self, fault: Fault) -> bool:
        """Play a fault that concerns small answers too; True if that was the answer."""
        if fault.body is not None:
            self.send(fault.status or 200, fault.body, **fault.headers)
        elif fault.reset_after is not None or fault.close_after is not None:
            self.reset()
        elif fault.stall_after is not None:
            self.wait_for_client()
        else:
            return False
        return True

    def send(self, status: int, body: bytes, **headers: str) -> None:
        """Send a small answer."""
        self.send_response_only(status)
        headers.setdefault("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, content: dict[str, Any], status: int = 200) -> None:
        """Send JSON."""
        kind = {"Content-Type": "application/json;odata.metadata=minimal"}
        self.send(status, json.dumps(content).encode(), **kind)

    def reset(self) -> None:
        """Break the connection off with RST, once all that was sent has arrived."""
        self.close_connection = True
        for _ in range(1000):
            queued = fcntl.ioctl(self.connection, termios.TIOCOUTQ, b"\0" * 4)
            if not struct.unpack("i", queued)[0]:
                break
            time.sleep(0.002)
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def wait_for_client(self, seconds: float = 300) -> None:
        """Say nothing until the client goes away."""
        self.close_connection = True
        select.select([self.connection], [], [], seconds)


class CatalogueHandler(_Handler):
    """Catalogue and token host."""

    role = "catalogue"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Products, DeletedProducts, one product, or the redirect of a download."""
        match = _PRODUCT.fullmatch(path)
        if match and match[2]:
            with self.cdse.lock:
                self.cdse.seen.requests["redirect"] += 1
            self.send(301, b"", Location=self.cdse.redirect(self.path))
            return
        route = "deleted" if path.endswith("DeletedProducts") else "catalogue"
        if self.is_spoilt(self.fault(route)):
            return
        rows = [product.row() for product in self.cdse.products]
        if match:
            found = next((row for row in rows if row["Id"] == match[1]), None)
            context = {"@odata.context": "$metadata#Products/$entity"}
            self.send_json(
                context | found if found else {"detail": "Not Found"},
                200 if found else 404,
            )
            return
        self._send_list(self.cdse.deleted if route == "deleted" else rows, query)

    def _send_list(self, rows: list[dict[str, Any]], query: dict[str, str]) -> None:
        from ben_assets.demo.cdse_server import matching

        found = matching(rows, query.get("$filter", ""))
        if found is None:
            self.send_json({"detail": "Invalid filter"}, 400)
            return
        if query.get("$expand") == "Attributes":
            found = [{**row, "Attributes": []} for row in found]
        self.send_json({"@odata.context": "$metadata#Products", "value": found})

    def do_POST(self) -> None:
        """The token endpoint, as Keycloak answers."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        with contextlib.suppress(ConnectionError):
            if not self.is_spoilt(self.fault("token")):
                self._give_token(form)

    def _give_token(self, form: dict[str, str]) -> None:
        cdse = self.cdse
        with cdse.lock:
            if form.get("grant_type") == "refresh_token":
                cdse.seen.refreshes += 1
                is_good = form.get("refresh_token") in cdse.refresh_tokens
                refusal = 400, "Token is not active"
            else:
                cdse.seen.logins += 1
                code = cdse.expected_code() if cdse.expected_code else None
                is_good = (form.get("password"), form.get("totp")) == (
                    cdse.password,
                    code,
                )
                refusal = 401, "Invalid user credentials"
            if is_good:
                access, refresh = secrets.token_hex(20), secrets.token_hex(20)
                cdse.tokens.add(access)
                cdse.refresh_tokens.add(refresh)
        if not is_good:
            text = {"error": "invalid_grant", "error_description": refusal[1]}
            self.send_json(text, refusal[0])
            return
        self.send_json(
            {
                "access_token": access,
                "expires_in": cdse.token_seconds,
                "refresh_expires_in": 3600,
                "refresh_token": refresh,
                "token_type": "Bearer",
                "not-before-policy": 0,
                "session_state": "00000000-0000-4000-8000-000000000000",
                "scope": "AUDIENCE_PUBLIC openid email profile user-context",
            }
        )


class DownloadHandler(_Handler):
    """Download host."""

    role = "download"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """A product's zip, to who brings a token."""
        with self.cdse.lock:
            if "Range" in self.headers:
                self.cdse.seen.ranges.append(self.headers["Range"])
        match = _PRODUCT.fullmatch(path)
        fault = self.fault("download")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if fault.expire_token:
            self.cdse.tokens.discard(token)
        if fault.status is not None:
            self.send(fault.status, fault.body or b"", **fault.headers)
        elif token not in self.cdse.tokens:
            known = fault.expire_token or token
            code, text = (109, "token expired") if known else (604, "Token not found")
            self.send_json({"code": f"DAT-ZIP-{code}", "message": text}, 401)
        elif fault.body is not None:
            self.send(200, fault.body, **fault.headers)
        else:
            product_id = match[1] if match else ""
            self._send_product(product_id, fault)

    def _send_product(self, product_id: str, fault: Fault) -> None:
        found = [one for one in self.cdse.products if one.id == product_id]
        if not found:
            self.send_json({"detail": "Product not found in catalogue"}, 404)
            return
        with self._session() as is_allowed, found[0].path.open("rb") as file:
            if not is_allowed:
                refusal = NAMED["429"]
                self.send(429, refusal.body or b"", **refusal.headers)
                return
            size = file.seek(0, 2)
            start, headers = self._range(size, fault)
            if found[0].etag:
                headers["ETag"] = found[0].etag
            stated = size - start + len(fault.extra)
            if not fault.without_length:
                headers["Content-Length"] = str(stated)
            self.send_response(206 if "Content-Range" in headers else 200)
            for name, value in {**headers, **fault.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = True
            self._send_content(file, start, size, fault)

    def _range(self, size: int, fault: Fault) -> tuple[int, dict[str, str]]:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers = {"Content-Type": "application/octet-stream"}
        if asked is None:
            return 0, headers
        if fault.ignore_range:
            return 0, headers
        start = int(asked[1])
        shown, total = start + fault.range_shift, size + fault.total_shift
        headers["Content-Range"] = f"bytes {shown}-{size - 1}/{total}"
        return start + fault.range_shift, headers

    def _send_content(
        self, file: BinaryIO, start: int, size: int, fault: Fault
    ) -> None:
        """All bytes from ``start``, or as many as the fault lets through."""
        ends = (fault.reset_after, fault.close_after, fault.stall_after)
        end = min([size, *(start + n for n in ends if n is not None)])
        is_dripping = fault.bytes_per_second is not None
        last = 1 if end == size and not fault.extra and not is_dripping else 0
        if fault.bytes_per_second:
            self._drip(file, start, end, fault.bytes_per_second)
        elif fault.flip_at is None and end - last > start:
            self.wfile.flush()
            self.connection.sendfile(file, start, end - last - start)
        elif end - last > start:
            file.seek(start)
            content = bytearray(file.read(end - last - start))
            if 0 <= (fault.flip_at or 0) - start < len(content):
                content[(fault.flip_at or 0) - start] ^= 0xFF
            self.wfile.write(content)
        if fault.stall_after is not None:
            self.wait_for_client()
        # Who has the last byte may open another connection: this one is over then.
        self._leave()
        if fault.reset_after is not None:
            self.reset()
        elif last:
            file.seek(end - 1)
            self.wfile.write(file.read(1))
        self.wfile.write(fault.extra)

    def _drip(self, file: BinaryIO, start: int, end: int, speed: int) -> None:
        file.seek(start)
        for _ in range(start, end):
            self.wfile.write(file.read(1))
            gone, _, _ = select.select([self.connection], [], [], 1 / speed)
            if gone:
                return

    @contextlib.contextmanager
    def _session(self) -> Iterator[bool]:
        """Count this connection among the open downloads."""
        cdse = self.cdse
        with cdse.lock:
            cdse.open_downloads = {one for one in cdse.open_downloads if _is_open(one)}
            cdse.open_downloads.add(self.connection)
            now_open = len(cdse.open_downloads)
            cdse.seen.most_open_downloads = max(cdse.seen.most_open_downloads, now_open)
        try:
            yield now_open <= cdse.max_sessions
        finally:
            self._leave()

    def _leave(self) -> None:
        with self.cdse.lock:
            self.cdse.open_downloads.discard(self.connection)


def _is_open(connection: socket.socket) -> bool:
    """Whether the client is still there."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class S3Handler(_Handler):
    """GetObject and ListObjectsV2 of the bucket ``eodata``, path style."""

    role = "s3"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """A list of keys, or one file."""
        from ben_assets.demo.cdse_server import S3_ACCESS_KEY

        fault = self.fault("s3")
        if fault.status is not None:
            self._refuse(fault.status, "SlowDown")
        elif self.is_spoilt(fault):
            return
        elif f"Credential={S3_ACCESS_KEY}/" not in self.headers["Authorization"]:
            self._refuse(403, "InvalidAccessKeyId")
        elif query.get("list-type") == "2":
            self._list(query.get("prefix", ""))
        else:
            self._get(path.removeprefix("/eodata/"))

    def _refuse(self, status: int, code: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>"
        self.send(status, text.encode(), **{"Content-Type": "application/xml"})

    def _list(self, prefix: str) -> None:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{info.file_size}</Size></Contents>"
            for key, (_, info) in self._files().items()
            if key.startswith(prefix)
        )
        text = (
            "<?xml version='1.0'?><ListBucketResult><Name>eodata</Name>"
            f"<IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        )
        self.send(200, text.encode(), **{"Content-Type": "application/xml"})

    def _get(self, key: str) -> None:
        if key not in self._files():
            self._refuse(404, "NoSuchKey")
            return
        path, info = self._files()[key]
        with zipfile.ZipFile(path) as archive:
            body = archive.read(info)
        etag = hashlib.md5(body).hexdigest()
        self.send(200, body, ETag=f'"{etag}"')

    def _files(self) -> dict[str, tuple[Any, zipfile.ZipInfo]]:
        """Key to zip and member, over all products."""
        files = {}
        for product in self.cdse.products:
            folder = product.s3_prefix.removesuffix(product.name)
            with zipfile.ZipFile(product.path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        files[folder + info.filename] = (product.path, info)
        return files


class ForeignHandler(_Handler):
    """A host that nobody should send a token to; it has a zip for everyone."""

    role = "foreign"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """The first product, without asking for a token."""
        self.fault("foreign")
        self.send(200, self.cdse.products[0].path.read_bytes())


HANDLERS: Final = {
    "catalogue": CatalogueHandler,
    "download": DownloadHandler,
    "s3": S3Handler,
    "foreign": ForeignHandler,
}
