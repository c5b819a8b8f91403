"""What this project writes, compared with what Samba reads: Samba's own tools are the judges."""
