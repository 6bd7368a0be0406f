"""A small synthetic world with real names: inputs of the demo and of the tests."""
