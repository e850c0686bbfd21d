"""Whether objects are still there that nobody should hold, without holding them."""

from __future__ import annotations

import gc

from tests.support.waiting import eventually


class Held:
    """``left``: the types of those ``objects`` that have not been freed. They need no weak refs."""

    def __init__(self, *objects: object) -> None:
        self._objects = {id(each): type(each) for each in objects}

    @property
    def left(self) -> list[str]:
        known = self._objects
        found = [each for each in gc.get_objects() if known.get(id(each)) is type(each)]
        return [type(each).__name__ for each in found]

    def wait_freed(self) -> None:
        """Wait for that; each look may take a second."""
        eventually(lambda: not self.left, pause=0.01)
