"""The science of BigEarthNet v2: pure rules, free of Dagster and of the services."""
