"""The WebSocket transport (RFC 6455, RFC 7692).

``transport`` answers the request of a mount: after the checks of ``transports.opening`` and of
``handshake`` it hands the stream over to a ``connection``, and starts the socket's actor.

From then on bytes go up and results go down through that one object::

    stream ──▶ connection.data_received ──▶ protocol.receive_data ──▶ the actor's mailbox
    stream ◀── connection.flush ◀── connection.deliver ◀────────────── results of callbacks

``protocol`` is sans I/O: it judges frames by their heads and returns whole messages, with
``assembly`` for those in parts and ``mask`` for the bytes. It is also the connection's ``record``:
plain values alone, of which the ``lifecycle`` moves the state. ``frames`` and ``outgoing`` make
what is sent, ``deflate`` and ``extensions`` are compression, ``read_rate`` slows a client down.

``line`` is the connection's hot path: frames from answers, and out. A compiled build has it in C,
and reads whole messages there too; what it does not know goes the way above.

The connection runs in the poll phase and in the actor's turns; neither may block. Which close code
an exit reason has is not decided here, but in ``transports.closing``. Nothing here knows
``transports.longpoll``.
"""
