"""Campaigns against a real host: kills, many callers, soak. Each runs whole, or a sample of it as a test."""
