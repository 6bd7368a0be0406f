"""torchgeo gives the splits, labels and pixels of our index and shards."""

import sys
from pathlib import Path

sys.path.pop(0)  # this file has the name of the package
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from published import clear_samples
from torchgeo.datasets import BigEarthNetV2

TEN_METRES = {"B02": 1, "B03": 2, "B04": 3, "B08": 7}
"""Band to its channel; torchgeo resamples the others."""
SPLITS = {"train": "train", "val": "validation", "test": "test"}

root = f"{sys.argv[1]}/data/aligned_dataset"
count = 0
for split, name in SPLITS.items():
    expected = clear_samples(sys.argv[1], name)
    dataset = BigEarthNetV2(root, split=split, bands="all", checksum=False)
    assert set(dataset.metadata_df["patch_id"]) == set(expected), split
    for number, patch in enumerate(dataset.metadata_df["patch_id"]):
        sample, facts = dataset[number], expected[patch]
        labels = np.flatnonzero(sample["label"].numpy()).tolist()
        assert labels == facts.row["labels_19"], patch
        for band, channel in TEN_METRES.items():
            found = sample["image_s2"][channel].numpy()
            assert np.array_equal(found, facts.s2[band]), (patch, band)
        for channel, band in enumerate(("VH", "VV")):  # read as integers of dB
            apart = sample["image_s1"][channel].numpy() - facts.s1[band]
            assert np.abs(apart).max() <= 0.5, (patch, band)
        count += 1
assert count > 0
print(f"{count} patches: splits, labels and pixels equal")
