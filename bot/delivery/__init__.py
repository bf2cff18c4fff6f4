"""From a message that came in to a reply that arrived: nothing is lost, and order holds within a chat."""
