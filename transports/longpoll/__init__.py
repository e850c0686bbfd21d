"""The long-poll transport, as phoenix.js speaks it (``Phoenix.Transports.LongPoll``).

``transport`` answers the requests of a mount: it reads the ``token``, opens a session, or finds the
one that the token names. Where that lives in this process, it calls the ``session``; else it calls
``relay``, which has the session's worker do the same over the cluster, and passes the answer on.

A ``session`` operates one socket: it puts the messages of POSTs into the mailbox, keeps results in
its ``buffer`` until a poll has proved that they arrived, and ends when nobody polls. The
``session_table`` has the sessions of this process, and signs their tokens.

What a session keeps in memory is counted by its ``intake``, and POSTs for which there is no room
wait in ``holding``. ``claims`` says over which connections a session was used, so that the end of a
server waits for its last poll. ``body`` reads what comes in, ``outgoing`` and ``answers`` make what
goes out. What can be decided without I/O is decided in pure files.

Requests come on carriers, and what a session does runs in its actor's turns or in timers. Nothing
here knows ``transports.websocket``.
"""
