"""A release with all that is made of it for training."""

from __future__ import annotations

from pathlib import Path

import pytest

from ben_assets_tests.support.pipeline import Pipeline, link_tree


@pytest.fixture(scope="session")
def _trained(_finished: Path, synthetic, tmp_path_factory) -> Path:
    pipeline = Pipeline(synthetic, tmp_path_factory.mktemp("trained"))
    link_tree(_finished, pipeline.data)
    pipeline.make_training()
    return pipeline.data


@pytest.fixture
def trained(pipeline: Pipeline, _trained: Path) -> Pipeline:
    """The pipeline after release and training assets were made in it."""
    link_tree(_trained, pipeline.data)
    return pipeline
