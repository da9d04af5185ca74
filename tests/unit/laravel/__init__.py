"""Laravel's envelope, commands, encryption and the way back, against payloads that Laravel wrote itself."""
