"""Presence: who is where, the same in every worker and on every machine.

What decides is pure: :mod:`actors.presence.site` is its front, for one process and one presence
class. It knows its own entries (:mod:`actors.presence.replica`), a view of each other set
(:mod:`actors.presence.view`), and who is up (:mod:`actors.presence.members`).
"""
