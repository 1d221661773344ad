"""Organizations as the core tells of them: it is the one that knows."""
