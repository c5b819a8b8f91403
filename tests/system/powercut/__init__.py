"""The power is cut in the middle of a storm: what the two halves do is in ``scene``."""
