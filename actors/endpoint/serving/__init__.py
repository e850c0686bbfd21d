"""An endpoint that serves in this process: its tree, its listeners, and its end within a budget.

``server`` is the one that is called, by a program (``actors.endpoint.command``) or a test: it makes
the listeners, serves until an end is asked for, and tells clients. ``embedded`` is the same inside
another server, which lets clients in by itself. Both have a ``lifetime``, which starts the tree and
is the one driver of its end. ``tree`` says what the children are, as data; ``root`` are the
supervisors that have them; ``connections`` are the children that stand for what clients use: the
acceptor, and the server that ends the connections which no drainer has ended. ``budget`` says
whether a shutdown fits into its time (``actors.schedule``). ``reloader`` reloads changed code.

``once`` runs what exists once while its ``tenure`` says so, under a ``lease``; ``forwarding`` is
how others reach it.

It knows the endpoint's description (``definition``, ``routes``, ``options``), ``transports`` and
``supervision``; processes, signals and files are the command's.
"""
