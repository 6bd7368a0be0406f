"""The outside services, one module per system; free of Dagster."""
