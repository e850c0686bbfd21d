"""Worker processes: a master in plain Python, and the workers' end of its channel.

The master imports neither gevent nor the application: forks and greenlets do not mix, and what it
has not loaded cannot fail in it.

``master`` is the loop, ``fleet`` the book on its processes, ``slots`` says which worker runs where,
and ``appointment`` which one runs what exists once; ``once_file`` is the lock of that one.
"""
