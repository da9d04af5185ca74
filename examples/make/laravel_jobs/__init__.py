"""What Python does with the jobs of a Laravel application."""
