"""Safety at scale: a storm of alarms must not become a storm of reboots."""
