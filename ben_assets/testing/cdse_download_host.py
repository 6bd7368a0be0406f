"""The download host of the loopback CDSE; see ``cdse_server``."""

from __future__ import annotations

import contextlib
import re
import select
import socket
from collections.abc import Iterator
from typing import BinaryIO

from ben_assets.testing.cdse_faults import NAMED, Fault
from ben_assets.testing.cdse_handler import PRODUCT, Handler


class DownloadHandler(Handler):
    """Download host."""

    role = "download"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """A product's zip, to who brings a token."""
        with self.cdse.lock:
            if "Range" in self.headers:
                self.cdse.seen.ranges.append(self.headers["Range"])
        match = PRODUCT.fullmatch(path)
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
        piece = max(1, speed // 20)
        for offset in range(start, end, piece):
            self.wfile.write(file.read(min(piece, end - offset)))
            gone, _, _ = select.select([self.connection], [], [], piece / speed)
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
