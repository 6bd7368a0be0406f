"""How each artifact of a tile is made: science and storage together, without Dagster.

One module per asset module; each function makes one tile of one asset and returns its
record.
"""
