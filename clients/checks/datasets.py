"""Hugging Face datasets loads the published folder by its card."""

import sys

sys.path.pop(0)  # this file has the name of the package

import datasets
from safetensors.numpy import load

loaded = datasets.load_dataset(f"{sys.argv[1]}/published")
assert set(loaded) == {"train", "validation", "test", "unclear"}
first = loaded["train"][0]
assert len(load(first["s2.safetensors"])) == 12
assert first["json"]["split"] == "train"
print(", ".join(f"{name} {len(rows)}" for name, rows in loaded.items()))
