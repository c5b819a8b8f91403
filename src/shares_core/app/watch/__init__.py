"""The service that keeps the servers up."""
