"""What tests and benchmarks share: a pipeline on synthetic data, products, inputs."""
