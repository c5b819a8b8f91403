"""Values that cannot be wrong, and pure functions that decide with them."""
