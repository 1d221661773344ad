"""The fixture that starts an application with routes of a test's own."""

from tests.transactions.conftest import serve_core

__all__ = ["serve_core"]
