"""Files below outputs, however many of them lie in one folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from resources.data_root.files import files_below, link_or_copy


@pytest.mark.parametrize("count", [3, 40])
def test_files_below_are_those_of_the_outputs_alone(count, tmp_path):
    names = [f"scene/patch-{number}" for number in range(count)]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "band.tif").touch()
    (tmp_path / "scene" / "of-another.tif").touch()
    (tmp_path / "scene" / "listed.tif").touch()
    (tmp_path / "scene" / "link").symlink_to(tmp_path / names[0])
    (tmp_path / "table.csv").touch()
    present = {"scene/listed.tif", "scene/link", "table.csv"}
    absent = {"scene/gone", "nowhere/gone", "table.csv/below", "none.csv"}
    absent |= {f"nowhere/{number}" for number in range(count)}
    absent |= {f"table.csv/{number}" for number in range(count)}
    found = list(files_below(tmp_path, [*names, *present, *absent]))
    assert sorted(found) == sorted({f"{name}/band.tif" for name in names} | present)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (os.mkfifo, "a FIFO"),
        (lambda path: path.symlink_to("/dev/zero"), "a symbolic link"),
        (Path.mkdir, "a directory"),
        (lambda path: None, "nothing"),
    ],
)
def test_nothing_but_a_file_is_linked(make, found, tmp_path):
    make(tmp_path / "source")
    with pytest.raises(InvalidInput, match=f"source: expected a file, found {found};"):
        link_or_copy(tmp_path / "source", tmp_path / "target")
    assert not os.path.lexists(tmp_path / "target")
