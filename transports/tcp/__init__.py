"""Bytes from clients and to them: the ground that all transports stand on.

``listener`` accepts, and makes a ``stream`` for each client (``tls`` is the encrypted one);
``descriptor`` is what a compiled build must know of one. ``admission`` counts those of an address,
``patience`` says how long a client is left to other processes. ``trust`` says which peers are
proxies; ``preface`` reads what those say of a client first, which ``proxy_protocol`` parses. A
stream reads for one *protocol* at a time (``protocol``): the HTTP connection at first, what it
hands over to after an upgrade.

All of it runs on the dispatcher's thread, in its poll phase or its timers, and never blocks: what a
peer does not read waits in the stream's backlog, under a deadline, and what it sends stays in the
kernel while reading is paused. What is read is of no interest here. Nothing is imported from the
rest of ``transports``.
"""
