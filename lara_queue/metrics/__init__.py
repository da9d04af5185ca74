"""What a worker did, in numbers: collected in memory, shown to people, Prometheus and log files."""
