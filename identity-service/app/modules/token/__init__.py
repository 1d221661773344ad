"""The token endpoint: each grant turns something that a client has into an access token."""
