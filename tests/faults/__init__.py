"""What breaks while people write, and the checker that holds what they were told."""
