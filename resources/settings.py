"""Settings by the names of the contract, whoever gives them.

Belongs here: names, defaults and meaning of settings. Not here: what they lead to.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ben_assets.bigearthnet.errors import InvalidInput, LocalResourceError
from ben_assets.bigearthnet.plain_files import expanded
from ben_assets.bigearthnet.shipped_files import ROOT, SHIPPED

_ADDRESS: Final = re.compile(r"https?://[!\"$->A-~]+")
"""Visible ASCII but ``@ ? #``."""
_IN_A_HEADER: Final = re.compile(r"[!-~]+")
REPOSITORY: Final = ROOT
"""Root of the repository: relative settings are relative to it."""
FILES_URL: Final = "BEN_FILES_URL"
"""Where the graph's links to files lead, if anywhere."""


class Settings:
    """Typed access to the settings of the contract."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """The settings ``values``, by name; an empty one counts as not set."""
        self._values = values

    def as_environment(self) -> Mapping[str, str]:
        """The settings by name, with whatever else the environment held."""
        return self._values

    def override(self, values: Mapping[str, str]) -> Settings:
        """These settings with some of them replaced."""
        return Settings({**self._values, **values})

    def text(self, name: str, default: str | None = None) -> str | None:
        """A setting as text; an empty one counts as not set."""
        return self._values.get(name, "").strip() or default

    def path(self, name: str, default: Path | None = None) -> Path | None:
        """A setting as an absolute path.

        Raises:
            InvalidInput: it names the home of a user that is none, or is no path.
        """
        value = self.text(name)
        return default if value is None else REPOSITORY / expanded(value, name)

    def address(self, name: str, default: str) -> str:
        """A URL without user, password and query, which errors and logs would repeat.

        Raises:
            InvalidInput: it has some, or is none; it is not repeated.
        """
        url = (self.text(name, default) or default).rstrip("/")
        try:
            port = urlsplit(url).port
        except ValueError:
            port = 0
        # not only in its place: a password may hold what ends the place
        if port == 0 or not _ADDRESS.fullmatch(url):
            raise InvalidInput(
                f"{name} is not an address as https://host/path, without @, ? and #; "
                "user and password have settings of their own"
            )
        return url

    def token(self, name: str) -> str | None:
        """A token or key that is sent in a header.

        Raises:
            InvalidInput: it has letters that no header takes; it is not repeated.
        """
        text = self.text(name)
        if text is not None and not _IN_A_HEADER.fullmatch(text):
            raise InvalidInput(
                f"{name}: expected visible ASCII letters on one line; copy it again"
            )
        return text

    @property
    def data_dir(self) -> Path:
        """``BEN_DATA_DIR``: root of everything written; made on the first write.

        Raises:
            LocalResourceError: it is no folder, or below something that is none.
        """
        folder = self.path("BEN_DATA_DIR") or REPOSITORY / "data"
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not there.is_dir():
            raise LocalResourceError(
                f"BEN_DATA_DIR is {folder}: a file is in the place of a folder: "
                f"{there}; choose another"
            )
        return folder

    @property
    def tracked_artifacts(self) -> Path:
        """``BEN_TRACKED_ARTIFACTS``: what hash checks compare with."""
        return self.path("BEN_TRACKED_ARTIFACTS") or SHIPPED / "tracked-artifacts"

    @property
    def reference_dir(self) -> Path:
        """``BEN_REFERENCE_DIR``: the pinned inputs."""
        return self.path("BEN_REFERENCE_DIR") or self.data_dir / "reference"

    @property
    def recipe(self) -> str | None:
        """``BEN_RECIPE``: name of a recipe, or absolute path of a TOML file."""
        text = self.text("BEN_RECIPE")
        if text is None or not ("/" in text or text.endswith(".toml")):
            return text
        return str(self.path("BEN_RECIPE"))

    @property
    def takes_clc_from_postgis(self) -> bool:
        """``BEN_CLC_PATH=postgis``: the polygons that ``postgis_clc2018`` loaded.

        It loads them from the GeoPackage among the other pinned inputs.
        """
        return self.text("BEN_CLC_PATH") == "postgis"

    @property
    def clc_path(self) -> Path | None:
        """The CORINE GeoPackage, None where it lies among the other pinned inputs."""
        return None if self.takes_clc_from_postgis else self.path("BEN_CLC_PATH")

    @property
    def force(self) -> bool:
        """``BEN_FORCE=1``: redo what would be kept.

        Raises:
            InvalidInput: it is neither 1 nor 0.
        """
        return self.choice("BEN_FORCE", ("0", "1")) == "1"

    def choice(self, name: str, options: tuple[str, ...]) -> str:
        """One of ``options``; the first is the default.

        Raises:
            InvalidInput: the setting has another value.
        """
        value = self.text(name, options[0])
        if value not in options:
            raise InvalidInput(
                f"{name} is {value!r}; expected one of {', '.join(options)}"
            )
        return str(value)

    def positive(self, name: str, default: float) -> float:
        """A number above 0.

        Raises:
            InvalidInput: the setting is not one.
        """
        text = self.text(name)
        if text is None:
            return default
        with contextlib.suppress(ValueError):
            if (value := float(text)) > 0:
                return value
        raise InvalidInput(f"{name} is {text!r}; expected a number above 0")
