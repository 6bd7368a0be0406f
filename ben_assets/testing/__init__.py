"""Loopback services, servers and clusters for demo, tests and benchmarks."""
