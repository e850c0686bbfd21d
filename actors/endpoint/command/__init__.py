"""``python -m actors.endpoint``: from the options to processes that serve, and to their end.

``actors/endpoint/__main__.py``, or ``entry`` where ``roost`` is installed, calls a verb
(``verbs``). Before any of them imports much, ``early`` sees to signals. What a verb is given comes
from arguments (``arguments``), the environment and a file (``config_file``): the table is
``settings``, what a row is ``setting``. ``sources`` puts all of it together and finds what is
wrong, with ``toml_keys`` for the lines of the file, and ``overrides`` for its options of the
application, which ``applying`` puts into what was loaded. ``printing`` shows the result.

The verb ``serve`` calls one of two:

* ``single`` serves in this process (``--workers 0``), checks, or lists the limits;
* ``master`` starts workers and never serves; it must not import gevent. Each worker is a process of
  its own that runs ``worker``, told what to serve over a channel (``supervision.processes``). At a
  reload ``renewal`` reads the settings again.

Both kinds of serving processes load the application (``loading``), bind or take sockets
(``binding``), read certificates (``certificate``), tune memory (``memory``) and hand all of it to
``actors.endpoint.serving``. What a person sees is in ``output`` and ``logs``, what ``--check``
finds in ``checking`` and ``trial``, stacks on SIGUSR1 in ``stacks``, the pid file in ``pidfile``.

The end: ``shutdown_signals`` hears the signals of a single process and has the clock that ends it,
a worker is told by its master; ``wakeup`` sees to it that a quiet loop hears of a signal. Nothing
here may block on a log, and nothing below imports from here.
"""
