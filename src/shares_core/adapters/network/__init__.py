"""Linux bridges and veth pairs, and the filters that keep them closed."""
