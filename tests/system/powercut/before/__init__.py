"""Run before the power is cut."""
