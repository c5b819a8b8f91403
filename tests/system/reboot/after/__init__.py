"""Run after the reboot."""
