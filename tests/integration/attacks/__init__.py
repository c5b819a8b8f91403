"""Attackers on a real server: what they try, and that it holds. ``docs/security.md`` says what remains."""
