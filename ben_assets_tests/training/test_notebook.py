"""The notebook of the documents, run cell by cell on a published release."""

from __future__ import annotations

import ast
import json

import numpy as np
import pyarrow.parquet as pq

from ben_assets.steps.publishing import publish_folder
from resources.settings import REPOSITORY

NOTEBOOK = REPOSITORY / "docs/examples/train.ipynb"


def run_cells(names: dict[str, object]) -> list[object]:
    """What each code cell shows: the value of an expression at its end."""
    shown = []
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == []
        *body, last = ast.parse("".join(cell["source"])).body
        value = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
        statements = body if value else [*body, last]
        exec(compile(ast.Module(statements, []), str(NOTEBOOK), "exec"), names)
        shown.append(eval(compile(value, str(NOTEBOOK), "eval"), names) if value else 0)
    return shown


def test_the_notebook_goes_from_the_index_to_a_batch(trained, tmp_path, monkeypatch):
    publish_folder(trained.ctx(), tmp_path / "published")
    monkeypatch.setenv("RELEASE", str(tmp_path / "published"))
    names: dict[str, object] = {}
    shown = run_cells(names)
    try:
        count = min(8, len(names["train"]))
        assert shown[-1] == ((count, 14, 120, 120), (count, 19))
        assert np.isfinite(names["images"]).all()
        assert abs(names["images"].std() - 1) < 0.5
        rows = names["train"].iloc[names["order"][:8]]
        ones = [np.flatnonzero(row).tolist() for row in names["targets"]]
        assert ones == [list(places) for places in rows["labels_19"]]
        assert names["counts"].sum() == sum(map(len, names["train"]["labels"]))
        assert (names["pair"].size, names["bars"].width) == ((720, 360), 360)
    finally:
        names["database"].close()
    index = pq.read_table(tmp_path / "published/index/bigearthnet_index.parquet")
    assert 0 < len(names["train"]) < len(index)
