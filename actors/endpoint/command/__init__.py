"""``python -m actors.endpoint``: from the options to processes that serve, and to their end.

``actors/endpoint/__main__.py`` reads the options (``arguments``) and calls one of two, unless it is
``broadcast`` that is wanted, which serves nothing:

* ``single`` serves in this process (``--workers 0``), checks, or lists the limits;
* ``master`` starts workers and never serves; it must not import gevent. Each worker is a process of
  its own that runs ``worker``, told what to serve over a channel (``supervision.processes``).

Both kinds of serving processes load the application (``loading``), bind or take sockets
(``binding``), read certificates (``certificate``), tune memory (``memory``) and hand all of it to
``actors.endpoint.serving``. What a person sees is in ``output`` and ``logs``, what ``--check``
finds in ``checking``, stacks on SIGUSR1 in ``stacks``, the pid file in ``pidfile``.

The end: ``shutdown_signals`` hears the signals of a single process and has the clock that ends it,
a worker is told by its master; ``wakeup`` sees to it that a quiet loop hears of a signal. Nothing
here may block on a log, and nothing below imports from here.
"""
