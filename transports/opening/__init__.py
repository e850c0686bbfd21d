"""What every transport does with a request that opens a connection, before there is an actor.

``mount`` is the one that is called: a transport keeps a ``TransportMount`` for each path, calls its
``open`` for the checks, which come to one of ``opened``, its ``connect`` for the application's
word, its ``start`` for the actor. The rest are pure functions over a request that ``mount`` calls
in Phoenix's order:

* ``origin`` and ``uri``: may a page of that origin connect, and how it is written;
* ``subprotocols``: which one is spoken, and the token that phoenix.js puts among them;
* ``connect_info``: what of the request ``connect`` is given; for that ``cookie_session`` reads
  Phoenix's session cookie and ``host_session`` that of Flask or Django;
* ``refused``: what the log says of a refusal, without what the client has sent;
* ``options``: the options that all transports of a mount have.

Nothing here knows a socket, a stream or an epoll set. It stands on ``transports.http`` (requests
and responses), and ``transports.websocket`` and ``transports.longpoll`` stand on it.
"""
