"""A small synthetic data set with real names: inputs of the demo and of the tests."""
