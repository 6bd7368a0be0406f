"""Report, pictures and docs over HTTP on loopback, for links in the Dagster UI.

Browsers follow no link from a page of HTTP to a file. So the data root and the docs are
served, to be read only, below ``/data/`` and ``/docs/``.
"""

from __future__ import annotations

import http.server
import threading
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from ben_assets.bigearthnet.shipped_files import SHIPPED


class FilePages:
    """Serves a data root and the docs while its ``with`` block runs."""

    def __init__(self, data_root: Path, port: int = 0) -> None:
        """Take a port of loopback, any free one by default.

        Raises:
            OSError: the port is taken.
        """
        roots = {"data": data_root, "docs": SHIPPED / "docs"}
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", port), partial(_Pages, roots=roots)
        )
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self) -> None:
        """Answer until stopped."""
        self._server.serve_forever(0.1)

    def __enter__(self) -> Self:
        """Answer in a thread."""
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Pages(http.server.SimpleHTTPRequestHandler):
    """Files and listings below the two roots; hidden files are none of them."""

    extensions_map = {  # noqa: RUF012  as the base class has it
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".md": "text/plain; charset=utf-8",
        ".json": "application/json",
        ".csv": "text/plain; charset=utf-8",
    }

    def __init__(self, *given: Any, roots: dict[str, Path]) -> None:  # noqa: ANN401
        self._roots = roots
        super().__init__(*given)

    def translate_path(self, path: str) -> str:
        """The file or directory of an address below one of the roots."""
        _, top, *below = PurePosixPath(unquote(urlsplit(path).path)).parts
        return str(self._roots[top].joinpath(*below))

    def send_head(self) -> Any:  # noqa: ANN401  as the base class has it
        """Refuse what is outside of the roots before a file is looked for."""
        parts = PurePosixPath(unquote(urlsplit(self.path).path)).parts[1:]
        is_hidden = any(part.startswith(".") for part in parts)
        if not parts or parts[0] not in self._roots or is_hidden:
            self.send_error(404, "not below /data/ or /docs/")
            return None
        return super().send_head()

    def log_message(self, format: str, *given: Any) -> None:  # noqa: A002, ANN401
        """Nobody reads a log of these."""
