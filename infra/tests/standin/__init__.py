"""What the tests of the runner put where the services are."""
