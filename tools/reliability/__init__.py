"""``./dev reliability``: every campaign in full, and the page with their results."""
