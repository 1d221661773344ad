"""Checkers that we did not write, each run so that one which looked at nothing is seen."""
