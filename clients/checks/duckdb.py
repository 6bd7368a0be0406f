"""DuckDB 2 reads the index: place, season and land cover in one query."""

import sys

sys.path.pop(0)  # this file has the name of the package

import duckdb

index = f"{sys.argv[1]}/published/index/bigearthnet_index.parquet"
((found,),) = duckdb.sql(
    f"SELECT count(*) FROM '{index}' WHERE country = 'Portugal' AND season = 'summer' "
    "AND bbox.xmin > -10 AND map_extract(pixels, 211)[1] > 0.2 * 14400"
).fetchall()
assert found > 0
print(f"DuckDB {duckdb.__version__}: {found} patches found")
