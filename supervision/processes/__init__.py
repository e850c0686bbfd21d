"""Worker processes: a master in plain Python, and the workers' end of its channel.

The master imports neither gevent nor the application: forks and greenlets do not mix, and what it
has not loaded cannot fail in it.
"""

MAX_WORKERS = 256
"""Worker processes of one master."""
