"""What downloads share, whichever service they ask: rules, buckets, packing."""
