"""Laravel's cache: where restart and pause signals, exception counters and locks live (protocol §6.10 to §6.12)."""
