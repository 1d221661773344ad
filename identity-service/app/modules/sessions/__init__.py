"""Sign-in sessions and the refresh tokens that keep them alive."""
