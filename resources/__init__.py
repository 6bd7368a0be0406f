"""The outside world, one module per system; free of Dagster."""
