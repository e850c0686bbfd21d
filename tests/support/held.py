"""What has come of some kinds of objects, and not gone."""

from __future__ import annotations

import gc


class Held:
    """``new`` counts the objects of ``kinds`` that were not there when this was made.

    What others left behind may be freed meanwhile, so it is told apart, and kept, by identity.
    """

    def __init__(self, *kinds: type) -> None:
        gc.collect()
        self._kinds = kinds
        self._before = {id(each): each for each in self._found()}

    def _found(self) -> list[object]:
        return [each for each in gc.get_objects() if type(each) in self._kinds]

    @property
    def new(self) -> int:
        return sum(id(each) not in self._before for each in self._found())
