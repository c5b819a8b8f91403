"""The host's packet filters as values: read thinly, parsed and followed by pure functions."""
