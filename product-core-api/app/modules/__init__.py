"""The resources, one directory each; they meet only through their services."""
