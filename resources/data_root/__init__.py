"""The data root: store, records, locks and what verifies them intact."""
