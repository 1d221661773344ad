"""What every resource of the core stands on: settings, database, access, middleware."""
