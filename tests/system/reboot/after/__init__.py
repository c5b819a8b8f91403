"""Run after it."""
