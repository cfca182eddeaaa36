"""What can be worked out about a whole dataset: arrays in, arrays out, no Ray and no table."""
