"""Run before the reboot."""
