"""Channels: one actor for each topic that a client has joined (``Phoenix.Channel``).

::

    transport ──▶ ChannelSocket ──▶ Topics ──▶ Seat ──▶ Channel     what the client sends
    transport ◀─────────────────── Topics ◀── Seat ◀── Channel      replies and pushes

``socket`` is the actor of the connection. ``topics`` decodes each message, answers what concerns no
channel, and hands the rest to the seat of its topic. ``seat`` has all that the protocol says about
one topic: join, leave, duplicate, and the end in each state; it puts messages into the mailbox of
the ``channel``, the actor that an application subclasses. No code of the application's runs in the
connection after ``connect``: a slow handler stops its own topic alone, and a heartbeat is always
answered. What is sent goes to the transport at once, on the same thread, so order is program order.

``hot`` is what every message passes of topics and seats, and what a compiled build has in C.

``routes``, ``events``, ``payloads`` and ``rates`` are pure, and so are the messages themselves
(:mod:`actors.serializers`).
"""
