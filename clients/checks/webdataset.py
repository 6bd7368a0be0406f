"""webdataset gives one sample a patch, with all parts."""

import sys
from pathlib import Path

sys.path.pop(0)  # this file has the name of the package

import webdataset
from safetensors.numpy import load

shards = sorted(Path(sys.argv[1], "published", "shards").glob("*.tar"))
patches = set()
for shard in shards:
    for sample in webdataset.WebDataset(str(shard), shardshuffle=False):
        assert len(load(sample["s2.safetensors"])) == 12
        assert load(sample["map19.safetensors"])["Data"].shape == (120, 120)
        assert {"json", "map.safetensors", "s1.safetensors"} < set(sample)
        patches.add(sample["__key__"])
tree = Path(sys.argv[1], "data", "aligned_dataset", "BigEarthNet-S2")
assert patches == {path.name for path in tree.glob("*/*")}
print(f"{len(patches)} samples")
