"""Exported inputs: whole, resumable, verified alone, and read back."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import ChecksumMismatch, InvalidInput, MissingInput
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.l1c import make_l1c_zip
from ben_assets.steps.step_context import StepContext
from ben_assets_tests.resources.conftest import require_flushed
from ben_assets_tests.support.programs import Ended, run_module
from ben_assets_tests.support.zip_products import (
    NAME,
    other_product,
    product_files,
    write_product,
    write_zip,
)
from resources.inputs.exported import LIST, How, InputFile, export_inputs, verify_export
from resources.inputs.pins import COUNTRIES
from resources.settings import Settings

OTHER = other_product(1)


def quiet(line: str) -> None:
    """Takes what nobody reads."""


@pytest.fixture
def files(tmp_path: Path) -> list[InputFile]:
    product = write_product(tmp_path / "source")
    other = tmp_path / "source" / COUNTRIES
    other.write_text("{}")
    return [
        InputFile(f"l1c/{NAME}.zip", product, file_digest(product)),
        InputFile(f"reference/{COUNTRIES}", other, file_digest(other)),
    ]


@pytest.fixture
def exported(files, tmp_path) -> Path:
    export_inputs(files, tmp_path / "out", quiet)
    return tmp_path / "out"


def test_all_is_there_and_verifies(files, exported) -> None:
    assert verify_export(exported, quiet) == []
    for file in files:
        assert (exported / file.name).read_bytes() == file.source.read_bytes()
        assert not (exported / file.name).samefile(file.source)


def test_coreutils_verify_it_too(exported) -> None:
    done = subprocess.run(["sha256sum", "-c", LIST], cwd=exported, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_what_is_there_stays_and_the_rest_is_made(files, exported) -> None:
    kept = (exported / files[0].name).stat().st_mtime_ns
    (exported / files[1].name).unlink()
    lines: list[str] = []
    export_inputs(files, exported, lines.append)
    assert (exported / files[0].name).stat().st_mtime_ns == kept
    assert [line.split(": ")[1] for line in lines] == ["is there", "copy"]


def test_what_a_killed_export_left_half_written_goes(files, exported) -> None:
    for name in (".SHA256SUMS.437de278.part", f"l1c/.{OTHER}.zip.part"):
        (exported / name).write_bytes(b"half")
    assert len(verify_export(exported, quiet)) == 2
    export_inputs(files, exported, quiet)
    assert verify_export(exported, quiet) == []


def test_a_damaged_file_is_made_again(files, exported) -> None:
    target = exported / files[0].name
    target.write_bytes(target.read_bytes()[:-1])
    assert "expected SHA-256" in verify_export(exported, quiet)[0]
    export_inputs(files, exported, quiet)
    assert verify_export(exported, quiet) == []


def test_a_source_that_is_not_as_recorded_is_not_exported(files, tmp_path) -> None:
    files[0].source.write_bytes(b"rotten")
    with pytest.raises(ChecksumMismatch, match="by its record, found"):
        export_inputs(files, tmp_path / "out", quiet)
    assert list((tmp_path / "out" / "l1c").iterdir()) == []


@pytest.mark.parametrize("how", How)
def test_each_is_on_the_disk_before_it_has_its_name(
    files, tmp_path, calls, how
) -> None:
    export_inputs(files, tmp_path / "out", quiet, how)
    for file in files:
        require_flushed(calls, tmp_path / "out" / file.name)


def test_hard_links_are_made_on_request(files, tmp_path) -> None:
    export_inputs(files, tmp_path / "out", quiet, How.HARDLINK)
    assert (tmp_path / "out" / files[0].name).samefile(files[0].source)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.unlink(), "missing"),
        (
            lambda path: path.with_name("more.zip").write_bytes(b"x"),
            "not in SHA256SUMS",
        ),
        (
            lambda path: path.rename(path.with_name("x")) and path.mkdir(),
            "expected a file",
        ),
    ],
    ids=["missing", "more", "directory"],
)
def test_what_differs_is_named(exported, harm, words) -> None:
    harm(exported / f"l1c/{NAME}.zip")
    assert words in " ".join(verify_export(exported, quiet))


def test_a_product_is_held_to_its_own_manifest_too(files, tmp_path) -> None:
    content = product_files() | {"INSPIRE.xml": b"<changed/>"}
    path = write_zip(tmp_path / "other.zip", content)
    wrong = InputFile(f"l1c/{NAME}.zip", path, file_digest(path))
    export_inputs([wrong], tmp_path / "out", quiet)
    (problem,) = verify_export(tmp_path / "out", quiet)
    assert "differs from its own manifest" in problem


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", ""])
def test_a_list_that_leads_outside_is_refused(exported, name) -> None:
    (exported / LIST).write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(InvalidInput, match="a path in this directory"):
        verify_export(exported, quiet)


def test_a_directory_without_a_list_is_named(tmp_path) -> None:
    with pytest.raises(MissingInput, match="ben inputs export"):
        verify_export(tmp_path, quiet)


def run_ben(*arguments: str, **settings: str) -> Ended:
    return run_module("ben_assets.cli", *arguments, environment=settings)


def test_one_machine_exports_and_another_one_goes_on_from_it(tmp_path) -> None:
    """The commands; what is missing is named, and exit 1 says so."""
    write_product(tmp_path / "archive")
    settings = {
        "BEN_DATA_DIR": str(tmp_path / "data"),
        "BEN_L1C_DIR": str(tmp_path / "archive"),
        "BEN_REFERENCE_DIR": str(tmp_path / "reference"),
    }
    make_l1c_zip(Tile(NAME), StepContext.from_settings(Settings(settings), quiet))
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / COUNTRIES).write_text("{}")
    out = tmp_path / "out"
    done = run_ben("inputs", "export", str(out), Tile(NAME).key, **settings)
    assert done.code == 1, done.err
    assert "U2018_CLC2018_V2020_20u1.gpkg: not on disk" in done.err
    shutil.rmtree(tmp_path / "data")
    moved = out.rename(tmp_path / "elsewhere")
    verified = run_ben("inputs", "verify", str(moved))
    assert (verified.code, verified.err) == (0, "")
    settings = {
        "BEN_DATA_DIR": str(tmp_path / "other"),
        "BEN_L1C_DIR": str(moved / "l1c"),
    }
    ctx = StepContext.from_settings(Settings(settings), quiet)
    assert make_l1c_zip(Tile(NAME), ctx).facts.source == "BEN_L1C_DIR"
    (moved / f"l1c/{NAME}.zip").unlink()
    wrong = run_ben("inputs", "verify", str(moved), "--json")
    assert wrong.code == 1
    assert json.loads(wrong.out) == {
        "folder": str(moved),
        "problems": [f"l1c/{NAME}.zip: missing"],
    }
