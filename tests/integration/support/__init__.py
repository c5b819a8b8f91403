"""What the integration tests share: hosts, client namespaces, SMB clients, cleaning up."""
