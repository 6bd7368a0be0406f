"""geoparquet-validator: core, covering and distribution are conformant."""

import subprocess
import sys

index = f"{sys.argv[1]}/published/index/bigearthnet_index.parquet"
done = subprocess.run(
    ["geoparquet-validator", "check", index], capture_output=True, text=True, check=True
)
for part in ("core", "covering", "distribution"):
    (line,) = (row for row in done.stdout.splitlines() if f"=> {part}:" in row)
    assert line.endswith("conformant") and ", 0 fail," in line, line  # noqa: PT018
print("core, covering and distribution conformant")
