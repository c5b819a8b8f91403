"""Campaigns against a real host: kills, many callers, soak. Each runs in full, or as a sample in a test."""
