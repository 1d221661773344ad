"""What is measured, a module for each part; each gives what results.json keeps of it."""
