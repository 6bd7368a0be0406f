"""ConfigILM reads the published LMDB: splits, labels and pixels are those of shards."""

import json
import sys
from pathlib import Path

sys.path.pop(0)  # this file has the name of the package
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from configilm.extra.DataSets.BENv2_DataSet import BENv2DataSet
from published import clear_samples

tables = f"{sys.argv[1]}/data/aligned_dataset"
places = {
    "images_lmdb": f"{sys.argv[1]}/published/lmdb/BigEarthNet.lmdb",
    "metadata_parquet": f"{tables}/metadata.parquet",
    "metadata_snow_cloud_parquet": (
        f"{tables}/metadata_for_patches_with_snow_cloud_or_shadow.parquet"
    ),
}
classes = json.loads(Path(sys.argv[1], "published", "classes.json").read_text())
order = classes["alphabetical_order"]
count = 0
for split in ("train", "validation", "test"):
    expected = clear_samples(sys.argv[1], split)
    dataset = BENv2DataSet(
        places, split=split, img_size=(14, 120, 120), return_extras=True
    )
    assert set(dataset.patches) == set(expected), split
    for pixels, labels, patch in (dataset[number] for number in range(len(dataset))):
        names = expected[patch].row["labels"]
        places_of_ones = np.flatnonzero(np.asarray(labels)).tolist()
        assert [order[place] for place in places_of_ones] == sorted(names), patch
        tensors = {**expected[patch].s1, **expected[patch].s2}
        for channel, band in enumerate(dataset.channel_order):
            wanted = tensors[band].astype(np.float32)
            if wanted.shape == (120, 120):
                found = np.asarray(pixels[channel])
                assert np.array_equal(found, wanted), (patch, band)
        count += 1
assert count > 0
print(f"{count} patches: splits, labels and pixels equal")
