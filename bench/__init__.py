"""The benchmark: what the protections cost, in ratios taken from one run."""
