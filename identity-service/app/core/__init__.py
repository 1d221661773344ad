"""What every resource of identity stands on: settings, database, access, passwords, tokens."""
