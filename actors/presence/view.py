"""What one worker knows of another one's set (pure).

A view that stands at a clock is its owner's set at that clock: messages that are lost, that come
twice or out of order can only make it old.
"""

from __future__ import annotations

from actors.presence.entries import JOIN, LEFT, LOST, Change
from actors.presence.messages import Delta, Page
from actors.presence.replica import Part


class Transfer:
    """The pages that have come of a set as it was at ``clock``, up to the tag ``after``."""

    def __init__(self, clock: int) -> None:
        self.clock = clock
        self.after = 0
        self.part = Part()


class View:
    """A set of another worker, as far as it is known.

    ``clock`` is where it stands, ``told`` the latest clock of its owner that was heard of.
    """

    def __init__(self) -> None:
        self.clock = 0
        self.told = -1  # none was heard of
        self.part = Part()
        self.transfer: Transfer | None = None

    @property
    def behind(self) -> bool:
        """Whether its owner is to be asked for more."""
        return self.told > self.clock

    @property
    def place(self) -> tuple[int, int]:
        """What to ask the owner for: the clock and the tag of a ``want``."""
        transfer = self.transfer
        return (transfer.clock, transfer.after) if transfer else (self.clock, 0)

    def take_delta(self, delta: Delta) -> list[Change] | None:
        """Take what is new; return what has changed, or None where a limit refuses it.

        What begins later than here leaves a gap: nothing changes, and the owner is to be asked.
        """
        self.told = max(self.told, delta.to)
        if delta.to <= self.clock or delta.since > self.clock:
            return []
        there = self.part.entries
        gone: list[Change] = [(LEFT, there[tag]) for tag in delta.left if tag in there]
        gone += [(LOST, there[tag]) for tag in delta.lost if tag in there]
        new: list[Change] = [(JOIN, entry) for entry in delta.adds if entry.tag > self.clock]
        if not self._swap(gone, new):
            return None
        self.clock = delta.to
        if self.transfer and self.transfer.clock <= self.clock:
            self.transfer = None
        return gone + new

    def _swap(self, gone: list[Change], new: list[Change]) -> bool:
        """Put ``new`` in the place of ``gone``, all or nothing."""
        part = self.part
        for _, entry in gone:
            part.drop(entry)
        for number, (_, entry) in enumerate(new):
            if not part.put(entry):
                for _, taken in new[:number]:
                    part.drop(taken)
                for _, before in gone:
                    part.put(before)
                return False
        return True

    def take_page(self, page: Page) -> list[Change] | None:
        """Take the page that is next; return what has changed, or None where a limit refuses it.

        Nothing changes before the last page has come, which brings the view to their clock. A first
        page of a later clock begins anew: the owner cannot tell the earlier one any more.
        """
        self.told = max(self.told, page.clock)
        if page.clock <= self.clock:
            return []
        transfer = self.transfer
        if not page.after and (transfer is None or page.clock > transfer.clock):
            transfer = self.transfer = Transfer(page.clock)
        if transfer is None or (transfer.clock, transfer.after) != (page.clock, page.after):
            return []
        if not all(map(transfer.part.put, page.adds)):
            self.transfer = None
            return None
        if page.more:
            transfer.after = page.adds[-1].tag
        return [] if page.more else self._become(transfer)

    def _become(self, transfer: Transfer) -> list[Change]:
        """Be what was transferred; return the difference."""
        before, after = self.part.entries, transfer.part.entries
        gone: list[Change] = []
        for tag, entry in before.items():
            if after.get(tag) == entry:
                after[tag] = entry  # the one that the index has: not two of each
            else:
                gone.append((LOST, entry))
        new: list[Change] = [
            (JOIN, entry) for tag, entry in after.items() if before.get(tag) is not entry
        ]
        self.part, self.clock, self.transfer = transfer.part, transfer.clock, None
        return gone + new
