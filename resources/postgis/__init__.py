"""The data set as a spatial database: PostgreSQL with PostGIS.

Belongs here: connections and their errors, the schema, what is written and read, the
cross-checks in SQL. Not here: which tiles are published, and when.
"""
