"""A FAQ assistant for a chiropractic clinic: screens for red flags, then answers from reviewed content."""
