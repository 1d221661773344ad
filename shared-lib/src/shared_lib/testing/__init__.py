"""What tests of both services share: databases of their own and really signed tokens."""
