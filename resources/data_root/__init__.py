"""The data root: store, records, locks and what proves them intact."""
