"""What ``ben verify`` prints to repair, with names that a stranger chose."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from ben_assets.cli.verification import repair_commands
from ben_assets.validation.survey import find_orphans
from ben_assets_tests.cli.test_ben import ben
from resources.data_root.stored_tiles import StoredTiles
from resources.data_root.tile_files import Difference, Kind

ROOT = Path("/data root")
UTF8 = {**os.environ, "LC_ALL": "C.UTF-8"}
NAMES = (
    "plain.tif",
    "two words.tif",
    "x; touch PWNED #",
    "$(touch PWNED)`touch PWNED`",
    'it\'s "quoted" \\ and *?[a]',
    "-rf",
    "line\nto repair: touch PWNED",
    "line's\r\\end\x1b[2K\u202e",
    os.fsdecode(b"no UTF-8 \xff\xfe1 it's"),
    "long\n" + "x" * 250,
)


def orphan(name: str) -> Difference:
    return Difference("patches", "", name, Kind.EXTRA, "belongs to no tile", "")


def test_a_shell_gets_each_name_as_it_is_and_runs_nothing_else(tmp_path):
    """Bash splits each command into the words that were meant."""
    for name in NAMES:
        (command,) = repair_commands([orphan(name)], StoredTiles(ROOT))
        assert command.isprintable()
        said = command.replace("rm -- ", "printf '%s' ", 1)
        done = subprocess.run(
            ["bash", "-c", said],
            cwd=tmp_path,
            env=UTF8,
            capture_output=True,
            check=True,
        )
        assert os.fsdecode(done.stdout) == str(ROOT / "patches" / name)
    assert list(tmp_path.iterdir()) == []


def test_a_tile_of_a_forged_record_is_one_word_of_the_command():
    forged = Difference("patches", "x; touch PWNED", "f", Kind.WRONG, "", "patches")
    (command,) = repair_commands([forged], StoredTiles(ROOT))
    assert shlex.split(command)[-2:] == ["--partition", "x; touch PWNED"]


def test_a_journal_of_no_tile_is_deleted_and_names_nothing_to_make(tmp_path):
    drafts, key = tmp_path / "patches" / ".drafts", "T33UUP_20170613T101031"
    drafts.mkdir(parents=True)
    for name in ("y$(touch PWNED)-0.journal", "x.journal", f"{key}-0.journal"):
        (drafts / name).write_text("[]")
    (drafts / "x").mkdir()
    found = find_orphans(StoredTiles(tmp_path), "patches")
    commands = repair_commands(found, StoredTiles(tmp_path))
    *deletions, made = [shlex.split(command) for command in commands]
    assert made[-2:] == ["--partition", key]
    assert deletions == [
        ["rm", "-r", "--", str(drafts / "x")],
        ["rm", "--", str(drafts / "x.journal")],
        ["rm", "--", str(drafts / "y$(touch PWNED)-0.journal")],
    ]


def test_a_name_with_a_newline_cannot_forge_a_line(pipeline):
    folder = pipeline.storage.folder("patches")
    folder.mkdir(parents=True)
    for name in NAMES[1:]:
        (folder / name).write_text("mine")
    done = ben(pipeline, "verify")
    assert done.code == 1, done.err
    lines = done.out.splitlines()
    named = [line for line in lines if line.startswith("patches\t-\t")]
    repairs = [line for line in lines if line.startswith("to repair: ")]
    assert len(named) == len(repairs) == len(NAMES) - 1
    assert len(lines) == 2 * len(repairs) + 1  # and the total
    assert all(line.startswith("to repair: rm -- ") for line in repairs)
    script = "\n".join(line.removeprefix("to repair: ") for line in repairs)
    subprocess.run(["bash", "-c", script], cwd=pipeline.root, env=UTF8, check=True)
    assert list(folder.iterdir()) == []
    assert not (pipeline.root / "PWNED").exists()
