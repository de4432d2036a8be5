"""What words bring to the network and to the linear models, computed once a word."""

import numpy as np

from adc.model.bundle import Bundle
from adc.model.encoder import UNKNOWN, Tokens
from adc.model.forward import Forward


class WordTable:
    """Rows of float32, one a word: known words at their ids, kept; behind them others, for the time being.

    network: (rows, F), of `Forward.inputs`. stack: (rows, n), of `OfWords.to_texts`; without a stack n is 0.
    """

    def __init__(self, bundle: Bundle, forward: Forward, others: int) -> None:
        self._bundle, self._forward = bundle, forward
        self._there = np.zeros(bundle.encoder.size, dtype=bool)
        # Memory that nothing was written to is not taken.
        widths = (part.shape[1] for part in self._computed(bundle.encoder.tokens([])))
        self.network, self.stack = (np.empty((len(self._there) + others, n), np.float32) for n in widths)

    def rows(self, tokens: Tokens) -> np.ndarray:
        """The rows of the different words of `tokens`, int64 (W,), filled: until the next call."""
        known = tokens.ids != UNKNOWN
        others = np.flatnonzero(~known)
        rows = tokens.ids.copy()
        rows[others] = len(self._there) + np.arange(len(others))
        for words in (others, np.flatnonzero(known & ~self._there[tokens.ids])):
            if len(words):
                self.network[rows[words]], self.stack[rows[words]] = self._computed(tokens.only(words))
        self._there[tokens.ids[known]] = True
        return rows

    def _computed(self, tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
        """The rows of words that are all known or all not."""
        # Words that are not known have one vector.
        ids = tokens.ids if (tokens.ids != UNKNOWN).all() else tokens.ids[:1]
        nothing = np.zeros((len(tokens.ids), 0), np.float32)
        if self._bundle.evidence is None:
            return self._forward.inputs(ids, nothing), nothing
        of_words = self._bundle.evidence.of_words(tokens)
        to_network = self._forward.inputs(ids, of_words.to_tokens[:, : self._forward.evidence])
        return to_network, of_words.to_texts if self._bundle.stack else nothing
