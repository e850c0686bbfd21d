"""Drills: a server process, real clients, one fault, and what must come of it.

``python -m supervision.drills`` lists and runs them, against the demo or against an application
that is named; see docs/drills.md. The tool is plain Python: it waits on descriptors, not on gevent,
so that nothing of what it tests runs in it.

``__main__`` reads the arguments. ``catalogue`` finds the drills: those in ``themes``, which fit any
application, and those of ``--themes``. ``target`` finds where the application takes clients, by
``mounts`` in a process of its own. ``runner`` makes a ``stage``, calls the drill's function with
it, then ``aftermath``. ``report`` writes what came of it.

A drill is data (``drill``) and a short function that uses the stage. The stage starts servers
(``server``, by ``launch`` where a place must be prepared) and connects ``clients``. ``load`` has
some come and go all the time; ``workers`` and ``processes`` tell who serves whom. A client is a
``connection``, and makes what it sends by ``wire``, which has no I/O; the tests use that too.
"""
