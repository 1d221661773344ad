"""What the core is compared with; each is served as a process of its own."""
