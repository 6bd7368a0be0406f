"""Measurements and long campaigns: ``make bench`` and ``make soak``."""
