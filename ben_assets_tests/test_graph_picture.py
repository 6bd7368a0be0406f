from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ben_assets.graph_picture import Node, direct_edges, draw, lay_out, read_graph
from resources.settings import REPOSITORY

PICTURE = REPOSITORY / "docs" / "asset-graph.svg"


@pytest.fixture(scope="module")
def nodes() -> list[Node]:
    return read_graph()


def test_the_picture_in_the_docs_is_that_of_the_definitions(nodes):
    assert PICTURE.read_text() == draw(nodes), (
        "the asset graph has changed: run "
        "python -m ben_assets.graph_picture > docs/asset-graph.svg"
    )


def test_every_asset_and_group_is_named_in_it(nodes):
    texts = {element.text for element in ET.fromstring(draw(nodes)).iter()}
    assert {node.name for node in nodes} <= texts
    assert {node.group for node in nodes} <= texts


def test_no_two_boxes_overlap(nodes):
    for boxes in lay_out(nodes):
        placed = list(boxes.values())
        for number, (x, y, w, h) in enumerate(placed):
            for x2, y2, w2, h2 in placed[:number]:
                apart = x >= x2 + w2 or x2 >= x + w or y >= y2 + h2 or y2 >= y + h
                assert apart


def test_edges_that_a_longer_way_implies_are_left_out():
    def node(name: str, *upstream: str) -> Node:
        return Node(name, "g", frozenset(upstream), is_per_tile=True)

    graph = [node("a"), node("b", "a"), node("c", "a", "b"), node("d", "a", "c")]
    assert direct_edges(graph) == [("a", "b"), ("b", "c"), ("c", "d")]
