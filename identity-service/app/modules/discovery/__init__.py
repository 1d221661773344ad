"""Discovery: what the authorization server says about itself."""
