"""A power cut in the middle of a storm: ``scene`` has what both halves share."""
