"""Names within this process: who has which, from its start to its end (OTP: ``register/2``).

A supervisor reserves the name of a child before it starts it, so that no two start at once, and
gives it to what the start function returned. An actor that has ended holds nothing: a name is free
from the moment that its holder has an exit reason, which is before anybody is told of the end. So
is one that a supervisor had reserved and was killed before the child had started.

Names are given on the loop's thread; :func:`whereis` may be called from any.

The name of what exists once (:func:`actors.once`) leads to a ref that forwards, in every process
that serves the endpoint: :func:`forward` says so, and :func:`local` finds who has the name here.
"""

from __future__ import annotations

from typing import Any

from actors.runtime.actor import Actor

_holders: dict[str, Holder] = {}
_forwarded: dict[str, Any] = {}


class Holder:
    """Who has ``name``: ``ref``, or ``None`` while ``starter`` starts it."""

    __slots__ = ("name", "ref", "starter")

    def __init__(self, name: str, starter: Actor) -> None:
        self.name = name
        self.starter = starter
        self.ref: Any = None

    @property
    def gone(self) -> bool:
        """Whether the name is free although this was not released."""
        return (self.starter if self.ref is None else self.ref).exit_reason is not None


def whereis(name: str) -> Any:
    """Return the ref of the child of this process that has ``name``, else ``None``.

    A child has the name that its ``ChildSpec(name=...)`` says from when its start has returned
    until it ends: ``None`` while it starts, also anew. It may end between the look and its use:
    ``tell`` raises ``pykka.ActorDeadError`` then. Each worker process has names of its own.
    Callable from any thread. ``TypeError``: the name is no str, or empty. (OTP: ``whereis/1``.)

    The name of a child given to :func:`actors.once` leads to the one that there is, in whichever
    worker: the ref (:class:`~actors.endpoint.serving.forwarding.OnceRef`) may be kept, and forwards
    ``tell`` and ``ask``. It is never ``None``. (OTP: ``global:whereis_name/1``.)
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"whereis({name!r:.200}): must be a str that is not empty")
    return _forwarded.get(name) or local(name)


def local(name: str) -> Any:
    """Return the ref of the child of this process that has ``name``, and nothing that forwards."""
    holder = _holders.get(name)
    ref = None if holder is None else holder.ref
    return ref if ref is not None and ref.exit_reason is None else None


def holder_of(name: str) -> Holder | None:
    """Return the holder of the name, also while it starts."""
    holder = _holders.get(name)
    return None if holder is None or holder.gone else holder


def reserve(name: str, starter: Actor) -> Holder:
    """Keep a free name for what ``starter`` is about to start; :attr:`Holder.ref` gives it."""
    holder = _holders[name] = Holder(name, starter)
    return holder


def release(holder: Holder) -> None:
    """Forget who has ended or was not started; another who has the name by now keeps it."""
    started = holder.ref is not None
    if (not started or holder.gone) and _holders.get(holder.name) is holder:
        del _holders[holder.name]


def forward(name: str, ref: Any) -> None:
    """Have :func:`whereis` answer ``ref`` for ``name``, whoever has that here."""
    _forwarded[name] = ref


def forward_no_more(name: str, ref: Any) -> None:
    """Undo it, unless another ref was given meanwhile."""
    if _forwarded.get(name) is ref:
        del _forwarded[name]


def forget() -> None:
    """Forget all names in a forked child: they are its parent's."""
    _holders.clear()
    _forwarded.clear()
