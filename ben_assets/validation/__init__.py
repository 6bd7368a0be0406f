"""What must hold of each artifact, judged from what is on disk; without Dagster."""
