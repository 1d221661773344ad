"""Service accounts: programs of organizations, and the secrets by which they authenticate."""
