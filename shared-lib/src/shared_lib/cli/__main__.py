"""Lets `python -m shared_lib.cli` be the program, where its script is not on the path."""

from shared_lib.cli import main

main()
