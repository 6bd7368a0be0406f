"""BigEarthNet v2 as Dagster assets; importing this package builds nothing."""
