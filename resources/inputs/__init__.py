"""The pinned inputs: where each lies, what it must be, and how it gets there."""
