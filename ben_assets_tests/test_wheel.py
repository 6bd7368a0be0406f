from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ben_assets.bigearthnet.shipped_files import find_root
from resources.settings import REPOSITORY

SHIPPED = (
    "tracked-artifacts/tiles.csv",
    "tracked-artifacts/published.toml",
    "recipes/bigearthnet-v2.toml",
    "docs/rules.md",
    "docs/checks.md",
    ".env.example",
    "dagster.yaml",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel of this checkout, built without a network."""
    target = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    options = ["--no-build-isolation", "--wheel-dir", str(target), "."]
    subprocess.run([*pip, *options], cwd=REPOSITORY, check=True, capture_output=True)
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def test_a_wheel_brings_what_its_pages_and_commands_point_to(wheel):
    names = set(wheel.namelist())
    data = next(n for n in names if "/data/" in n).split("/data/")[0]
    missing = [n for n in SHIPPED if f"{data}/data/share/ben-assets/{n}" not in names]
    assert missing == []
    assert {
        "ben_assets/bigearthnet/legends/clc2018.csv",
        "resources/configured.py",
    } <= (names)
    assert not [name for name in names if name.startswith("ben_assets_tests/")]


def test_the_working_directory_is_the_root_only_of_an_installed_wheel(tmp_path: Path):
    assert find_root(REPOSITORY, tmp_path) == REPOSITORY
    assert find_root(tmp_path / "site-packages", tmp_path) == tmp_path
