"""What a caller asks for: validate, lock, perform, answer. They take and return plain values."""
