"""What words bring to the network and to the linear models, computed once a word."""

import numpy as np

from adc.model.bundle import Bundle
from adc.model.encoder import UNKNOWN, Tokens
from adc.model.forward import Forward


class WordTable:
    """Rows of float32, one a word: known words at their ids, kept; behind them a call's unknown ones.

    network: (rows, F), of `Forward.inputs`. stack: (rows, n), of `OfWords.to_texts`; without a stack n is 0.
    unknown: how many unknown words a call may have.
    """

    def __init__(self, bundle: Bundle, forward: Forward, unknown: int) -> None:
        self._bundle, self._forward = bundle, forward
        self._there = np.zeros(bundle.encoder.size, dtype=bool)
        # Left empty, rows take no memory until they are written.
        widths = (part.shape[1] for part in self._computed(bundle.encoder.tokens([])))
        self.network, self.stack = (np.empty((len(self._there) + unknown, n), np.float32) for n in widths)

    def rows(self, tokens: Tokens) -> np.ndarray:
        """Where the rows of the distinct words of `tokens` are, int64 (W,), valid until the next call."""
        known = tokens.ids != UNKNOWN
        unknown = np.flatnonzero(~known)
        rows = tokens.ids.copy()
        rows[unknown] = len(self._there) + np.arange(len(unknown))
        for words in (unknown, np.flatnonzero(known & ~self._there[tokens.ids])):
            if len(words):
                self.network[rows[words]], self.stack[rows[words]] = self._computed(tokens.only(words))
        self._there[tokens.ids[known]] = True
        return rows

    def _computed(self, tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
        """The rows of words that are all known or all unknown."""
        # Unknown words share one vector.
        ids = tokens.ids if (tokens.ids != UNKNOWN).all() else tokens.ids[:1]
        nothing = np.zeros((len(tokens.ids), 0), np.float32)
        if self._bundle.evidence is None:
            return self._forward.inputs(ids, nothing), nothing
        of_words = self._bundle.evidence.of_words(tokens)
        to_network = self._forward.inputs(ids, of_words.to_tokens[:, : self._forward.evidence])
        return to_network, of_words.to_texts if self._bundle.stack else nothing
