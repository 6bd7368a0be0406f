"""Small faults put into the code on purpose, and whether a test notices each."""
