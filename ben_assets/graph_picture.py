"""The asset graph as a picture for the docs, drawn from the definitions themselves.

``python -m ben_assets.graph_picture > docs/asset-graph.svg``
"""

from __future__ import annotations

import html
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_NODE: Final = (152, 34)
_GAP: Final = (24, 14)
_PAD: Final = 14
_HEAD: Final = 26
_BETWEEN: Final = (26, 44)
_WIDEST_LINE: Final = 1200
_NEXT_LINE: Final = _NODE[1] + _BETWEEN[1]
_MARGIN: Final = 10
_LEGEND: Final = 26
_INPUTS: Final = "inputs"
"""Group whose edges are written, not drawn: it feeds assets all over the picture."""
_NOTE: Final = 30
_NOTE_LINE: Final = 14

_STYLE: Final = """
svg { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
.group { fill: #eef1f4; } .name { fill: #4b5660; font-size: 14px; font-weight: 600; }
.tile { fill: #fff; stroke: #14618f; } .all { fill: #fff; stroke: #8a5a00; }
.key, .note { fill: #4b5660; font-size: 12.5px; }
.note { font-size: 11.5px; text-anchor: middle; }
.node { fill: #1c2227; font-size: 12.5px; text-anchor: middle; }
.edge { fill: none; stroke: #7b8792; stroke-width: 1.5; }
.head { fill: #7b8792; }
@media (prefers-color-scheme: dark) {
  .group { fill: #20262b; } .name { fill: #aab4bd; }
  .tile, .all { fill: #14181b; } .tile { stroke: #7cc0ea; } .all { stroke: #e0a84a; }
  .node { fill: #e7ebee; } .key, .note { fill: #aab4bd; }
}
"""


@dataclass(frozen=True)
class Node:
    """An asset of the graph."""

    name: str
    """Asset key."""
    group: str
    """Its group."""
    upstream: frozenset[str]
    """Asset keys that it is made from."""
    is_per_tile: bool
    """Whether it has one partition per tile."""


Boxes = dict[str, tuple[int, int, int, int]]
"""Name to left, top, width and height in pixels."""


def read_graph() -> list[Node]:
    """The assets of the definitions, group by group in flow order."""
    from ben_assets.assets import STAGES
    from ben_assets.definitions import build_definitions

    specs = {
        spec.key.to_user_string(): spec
        for spec in build_definitions().resolve_all_asset_specs()
    }
    names = [a.key.to_user_string() for stage in STAGES.values() for a in stage]
    return [
        Node(
            name,
            str(specs[name].group_name),
            frozenset(dep.asset_key.to_user_string() for dep in specs[name].deps),
            specs[name].partitions_def is not None,
        )
        for name in names
    ]


def direct_edges(nodes: Sequence[Node]) -> list[tuple[str, str]]:
    """Edges without those that a longer way implies, so that few lines cross."""
    upstream = {node.name: node.upstream for node in nodes}

    def reach(name: str) -> set[str]:
        above = upstream.get(name, frozenset())
        return set(above).union(*(reach(other) for other in above))

    return [
        (source, node.name)
        for node in nodes
        for source in sorted(node.upstream & upstream.keys())
        if not any(source in reach(other) for other in node.upstream)
    ]


def lay_out(nodes: Sequence[Node]) -> tuple[Boxes, Boxes]:
    """Boxes of the nodes and of the groups; groups flow in lines like words."""
    node_boxes: Boxes = {}
    group_boxes: Boxes = {}
    left, top, line_height = _MARGIN, _MARGIN, 0
    for group in dict.fromkeys(node.group for node in nodes):
        cells = _cells([node for node in nodes if node.group == group])
        columns = 1 + max(column for column, _ in cells.values())
        rows = 1 + max(row for _, row in cells.values())
        width = 2 * _PAD + columns * (_NODE[0] + _GAP[0]) - _GAP[0]
        height = _HEAD + _PAD + rows * (_NODE[1] + _GAP[1]) - _GAP[1]
        height += _NOTE if group == _INPUTS else 0
        if left > _MARGIN and left + width > _WIDEST_LINE:
            left, top, line_height = _MARGIN, top + line_height + _BETWEEN[1], 0
        group_boxes[group] = (left, top, width, height)
        for name, (column, row) in cells.items():
            x = left + _PAD + column * (_NODE[0] + _GAP[0])
            y = top + _HEAD + row * (_NODE[1] + _GAP[1])
            node_boxes[name] = (x, y, *_NODE)
        left += width + _BETWEEN[0]
        line_height = max(line_height, height)
    return node_boxes, group_boxes


def _cells(nodes: Sequence[Node]) -> dict[str, tuple[int, int]]:
    """Column, by depth inside the group, and row of each node.

    What is made of all tiles lies below what is made of one, so that lines to the next
    group have a free way.
    """
    inside = {node.name: node.upstream for node in nodes}

    def depth(name: str) -> int:
        above = [depth(other) for other in inside[name] if other in inside]
        return 1 + max(above, default=-1)

    if not any(depth(node.name) for node in nodes):
        return {node.name: (number, 0) for number, node in enumerate(nodes)}
    cells: dict[str, tuple[int, int]] = {}
    for node in nodes:
        row = 0 if node.is_per_tile else 1
        while (depth(node.name), row) in cells.values():
            row += 1
        cells[node.name] = (depth(node.name), row)
    return cells


def draw(nodes: Sequence[Node]) -> str:
    """The graph as SVG text."""
    node_boxes, group_boxes = lay_out(nodes)
    width = max(x + w for x, _, w, _ in group_boxes.values()) + _MARGIN
    bottom = max(y + h for _, y, _, h in group_boxes.values())
    height = bottom + _LEGEND + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="t d">',
        '<title id="t">The asset graph</title>',
        f'<desc id="d">{html.escape(_described(nodes))}</desc>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker>'
        "</defs>",
    ]
    for group, (x, y, w, h) in group_boxes.items():
        parts += [
            f'<rect class="group" x="{x}" y="{y}" width="{w}" height="{h}" rx="8"/>',
            f'<text class="name" x="{x + _PAD}" y="{y + 18}">{group}</text>',
        ]
    inputs = {node.name for node in nodes if node.group == _INPUTS}
    edges = direct_edges(nodes)
    parts += [_edge(node_boxes, *edge) for edge in edges if edge[0] not in inputs]
    parts += [_node(node, node_boxes) for node in nodes]
    parts += [
        _note(node_boxes[name], [target for source, target in edges if source == name])
        for name in sorted(inputs)
    ]
    parts += _legend(bottom + _LEGEND)
    return "\n".join([*parts, "</svg>", ""])


def _legend(y: int) -> list[str]:
    return [
        f'<rect class="{kind}" x="{x}" y="{y - 11}" width="22" height="14" rx="3"/>'
        f'<text class="key" x="{x + 30}" y="{y}">{text}</text>'
        for kind, x, text in (
            ("tile", _MARGIN, "one partition per tile"),
            ("all", 210, "made of all tiles, or of an input as a whole"),
        )
    ]


def _node(node: Node, boxes: Mapping[str, tuple[int, int, int, int]]) -> str:
    x, y, w, h = boxes[node.name]
    kind = "tile" if node.is_per_tile else "all"
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="5"/>'
        f'<text class="node" x="{x + w // 2}" y="{y + h // 2 + 4}">{node.name}</text>'
    )


def _note(box: tuple[int, int, int, int], targets: Sequence[str]) -> str:
    """What an input is for, the first target in a line of its own."""
    x, y, w, h = box
    first, *others = targets or ["reference"]
    lines = [f"for {first}{',' if others else ''}", ", ".join(others)]
    return "\n".join(
        f'<text class="note" x="{x + w // 2}" y="{y + h + 15 + number * _NOTE_LINE}">'
        f"{line}</text>"
        for number, line in enumerate(lines)
        if line
    )


def _edge(
    boxes: Mapping[str, tuple[int, int, int, int]], source: str, target: str
) -> str:
    x0, y0, w0, h0 = boxes[source]
    x1, y1, w1, h1 = boxes[target]
    is_right, gap = x1 >= x0 + w0, x1 - x0 - w0
    if is_right and (y1 < y0 + _NEXT_LINE or gap <= _GAP[0]):  # sideways
        start, end = (x0 + w0, y0 + h0 // 2), (x1, y1 + h1 // 2)
        bend = max(12, (end[0] - start[0]) // 2)
        inner = (start[0] + bend, start[1]), (end[0] - bend, end[1])
    else:  # down
        start, end = (x0 + w0 // 2, y0 + h0), (x1 + w1 // 2, y1)
        bend = (end[1] - start[1]) // 2
        inner = (start[0], start[1] + bend), (end[0], end[1] - bend)
    points = " ".join(f"{x} {y}" for x, y in (*inner, end))
    way = f"M{start[0]} {start[1]}C{points}"
    return f'<path class="edge" d="{way}" marker-end="url(#arrow)"/>'


def _described(nodes: Sequence[Node]) -> str:
    edges = ", ".join(f"{a} to {b}" for a, b in direct_edges(nodes))
    return f"{len(nodes)} assets; blue: one partition per tile. Data flow: {edges}."


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(draw(read_graph()))
