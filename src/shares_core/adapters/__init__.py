"""The ports on a real Linux host."""
