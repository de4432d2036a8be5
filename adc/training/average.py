"""An exponential moving average of a network's weights: what a bundle holds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

# The weight of the average so far, once there have been enough updates.
DECAY = 0.9


class Average:
    """Averaged weights, which err less than the last ones (Polyak and Juditsky 1992)."""

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = variables
        self.updates = 0
        self.values = [variable.value.numpy() for variable in variables]

    def update(self) -> None:
        """Adds the weights as they are now, at first by more than later."""
        self.updates += 1
        decay = min(DECAY, self.updates / (9 + self.updates))
        for value, variable in zip(self.values, self._variables, strict=True):
            value *= decay
            value += (1 - decay) * variable.value.numpy()

    @contextmanager
    def in_place(self, instead: Sequence[np.ndarray] = ()) -> Iterator[None]:
        """Within it the network holds the average, if there is one yet, or other values instead."""
        own = [variable.value.numpy() for variable in self._variables]
        if instead or self.updates:
            self._assign(instead or self.values)
        try:
            yield
        finally:
            self._assign(own)

    def _assign(self, values: Sequence[np.ndarray]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
