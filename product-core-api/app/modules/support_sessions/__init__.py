"""Support sessions: a support agent in an organization, with a reason and an end."""
