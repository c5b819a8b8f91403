"""``./dev reliability``: every campaign in full, and the page that tells what came of them."""
