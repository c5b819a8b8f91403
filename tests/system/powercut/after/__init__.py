"""Run after the power cut."""
