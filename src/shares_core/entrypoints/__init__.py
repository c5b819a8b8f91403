"""Programs that drive the library from outside."""
