"""HTTP/1.1 on llhttp (httptools), strict, with every size and time bounded.

``connection`` is the protocol of a new stream. It feeds ``parser``, which is sans I/O and returns
whole requests: ``lines`` checks the head as it comes, ``head`` judges it when it is there,
``chunked`` bounds what follows. ``deadlines`` says how long anything may take.

A ``request`` goes to the resource that ``router`` finds for its path. ``handling`` calls it on a
carrier, where it may block, and makes a ``response`` of whatever it does. What a handler sees of
its client is a ``responder``: a protocol, which our own connection and the exchange of
``transports.wsgi`` fulfil. Both go through the states of ``lifecycle``. An answer in parts is
written by ``writer``. ``shared`` bounds what all connections of a process have in common: bodies
that are being received, and clients that do not read their answers.

``grammar``, ``query``, ``cookies`` and ``date`` are what headers and paths are made of, for all
transports. What can be decided without I/O is decided in pure files.

It stands on ``transports.tcp`` alone, and knows no socket class and no mount.
"""
