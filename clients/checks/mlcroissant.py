"""mlcroissant validates the description and reads ten records by it."""

import sys
from itertools import islice

sys.path.pop(0)  # this file has the name of the package

import mlcroissant

dataset = mlcroissant.Dataset(jsonld=f"{sys.argv[1]}/published/croissant.json")
assert not dataset.metadata.issues.errors, dataset.metadata.issues.report()
records = list(islice(dataset.records("patches"), 10))
assert len({record["patches/patch_id"] for record in records}) == 10
print(f"valid, {len(records)} records")
