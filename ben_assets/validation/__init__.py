"""What must hold of each artifact, evaluated from what is on disk; without Dagster."""
