"""What the integration tests have in common: hosts, client namespaces, SMB clients, cleaning up."""
