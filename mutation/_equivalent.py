"""Mutations after which everything is as it was: reviewed one by one, each with its reason."""

from collections.abc import Mapping

__all__ = ["EQUIVALENT"]

EQUIVALENT: Mapping[str, str] = {}
