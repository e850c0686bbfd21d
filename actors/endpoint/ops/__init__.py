"""The ops port: health, metrics, and what an operator may look at and do (docs/health.md).

With a master it is a process of its own, ``python -m actors.endpoint.ops`` (``__main__``), which
the master starts (:mod:`supervision.processes.ops_slot`); with ``--workers 0`` it is a second
listener of the one process. Both serve the endpoint of ``endpoint``, whose answers are in
``answers``. What these know comes from a ``source``: the master's messages, or the process itself.

``health`` judges what a probe asks, ``access`` who may look and do; both are pure. ``exposition``
makes Prometheus' text of a snapshot, and alone imports ``prometheus_client``, at the first scrape.
"""
