"""What drives the library from outside."""
