"""What those who train on a release need: encodings, an index, samples, statistics."""
