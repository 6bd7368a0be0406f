"""Synthetic products and the synthetic data set of demo and tests."""
