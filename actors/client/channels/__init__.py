"""What a client knows of one topic: the states of a channel, and what moves it."""
