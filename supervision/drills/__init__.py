"""Drills: a server process, real clients, one fault, and what must come of it.

``python -m supervision.drills`` lists and runs them, against an application made for it or against
your own; see docs/drills.md. A drill is data (:class:`~supervision.drills.drill.Drill`) and a short
function that uses a :class:`~supervision.drills.stage.Stage`. The tool is plain Python: it waits on
descriptors, not on gevent, so that nothing of what it tests runs in it.
"""
