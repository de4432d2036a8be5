"""Tables of numbers in eight bits each, a scale beside each half of a row."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows of n numbers, quantised to eight bits; each half of a row has a scale of its own.

    values: int8 (N, n). scales: float16 (N, 2).
    """

    values: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Self:
        """Quantises float (N, n)."""
        halves = rows.astype(np.float32).reshape(len(rows), 2, rows.shape[1] // 2)
        scales = (np.abs(halves).max(axis=2, initial=0) / 127).astype(np.float16)
        # A half of nothing but zeros, or of less than float16 can tell.
        scales[scales == 0] = 1
        values = np.rint(halves / scales[:, :, None].astype(np.float32)).clip(-127, 127)
        return cls(values.astype(np.int8).reshape(rows.shape), scales)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, which: Any) -> np.ndarray:
        """Some rows, by an array or a slice, as float32."""
        return self._read(self.values[which], self.scales[which].astype(np.float32))

    def weighted(self, which: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Some rows, each times its weight, (n,), as float32."""
        # Numbers that are known to be in range are not checked: half the time.
        scales = self.scales.take(which, axis=0, mode="clip") * weights[:, None]
        return self._read(self.values.take(which, axis=0, mode="clip"), scales)

    @staticmethod
    def _read(values: np.ndarray, scales: np.ndarray) -> np.ndarray:
        result = values.astype(np.float32)
        halves = result.reshape(len(result), 2, result.shape[1] // 2)
        halves *= scales[:, :, None]
        return result

    def scaled(self, scale: np.ndarray) -> Self:
        """The same with each half divided by its scale, (2,)."""
        return type(self)(self.values, (self.scales / scale).astype(np.float16))
