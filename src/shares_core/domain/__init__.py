"""Values that cannot be wrong, and the pure functions that decide with them."""
