"""The report of a release: one HTML page that needs nothing but itself."""
