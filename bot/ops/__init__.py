"""What keeps the bot running: the service, its settings, health, backups and the doctor."""
