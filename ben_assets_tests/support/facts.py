"""Facts for records that a test writes by hand: valid ones, of any asset."""

from __future__ import annotations

from typing import Any

from resources.data_root.facts import OF_ASSET, Facts, parse_facts

_DIGEST = "0" * 64
_TABLE = {"file": "a.parquet", "rows": 1, "bytes": 1, "sha256": _DIGEST}
_VALUES: dict[str, Any] = {
    "start_time": "2017-06-13T10:10:31+00:00",
    "alignment": "v1",
    "zip_sha256": _DIGEST,
    "recipe_sha256": _DIGEST,
    "epsg": 32633,
}
_OF_TYPE: dict[str, Any] = {"str": "a", "int": 1, "bool": True, "TableFacts": _TABLE}


def facts_of(asset: str, **changes: Any) -> Facts:  # any JSON
    """The facts of an asset, as read; ``changes`` are JSON."""
    kind = OF_ASSET.get(asset, Facts)
    stored = {
        name: _value(name, str(field.annotation))
        for name, field in kind.model_fields.items()
        if field.is_required()
    }
    return parse_facts(asset, stored | changes)


def _value(name: str, annotation: str) -> Any:  # any JSON
    if name in _VALUES:
        return _VALUES[name]
    for kind in ("dict", "list", "tuple"):
        if annotation.startswith(kind):
            return {} if kind == "dict" else []
    plain = annotation.removesuffix("'>").rpartition("'")[2].rpartition(".")[2]
    return _OF_TYPE.get(plain, "a")
