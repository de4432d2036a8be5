"""Adam for a network of which a table holds most weights, and a step reads few of its rows."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class Optimizer:
    """Adam (Kingma and Ba 2015), which moves only those rows of tables that a batch has read.

    That is lazy Adam, as PyTorch's SparseAdam and TensorFlow Addons' LazyAdam: the other rows, and what is
    remembered of their gradients, stay as they are until they are read again. So a step costs, to compute
    and to sum over ranks, what its words cost, and not what the vocabulary does.

    A row has no momentum (β1 is 0). By momentum Adam moves a row for tens of steps after it was read, all in
    all as far as its gradient says; a lazy row would stop after a tenth of that, and rare words learn little.
    """

    def __init__(self, tables: Sequence[Any], others: Sequence[Any]) -> None:
        """For Keras variables; all tables are read by the same row numbers."""
        self.weights = [*tables, *others]
        self._tables = len(tables)
        self._steps = keras.Variable(0, dtype="int64", trainable=False)
        self._means, self._squares = (
            [keras.Variable(tf.zeros(weight.shape), trainable=False) for weight in weights]
            for weights in (others, self.weights)
        )

    @property
    def variables(self) -> list[Any]:
        """The whole state: what a checkpoint must hold."""
        return [self._steps, *self._means, *self._squares]

    def of_rows(self, gradients: Sequence[Any], rows: Any, room: Any) -> list[Any]:
        """Gradients of `weights`, fit to be summed over ranks: of a table only its rows', (room, E).

        rows: ascending and the same on all ranks, with all that any of them has read. room: as many or more;
        behind the last row's are zeros. The same at every step, it spares ranks agreeing on a shape anew.
        """
        return [
            *(_of_rows(gradient, rows, room) for gradient in gradients[: self._tables]),
            *gradients[self._tables :],
        ]

    def apply(self, gradients: Sequence[Any], rows: Any, rate: Any) -> None:
        """One step at a learning rate, by what `of_rows` has given."""
        steps = tf.cast(self._steps.value.assign_add(1), tf.float32)
        powers = BETA_1**steps, BETA_2**steps
        every = list(zip(self.weights, self._squares, gradients, strict=True))
        for table, squares, with_room in every[: self._tables]:
            gradient = with_room[: tf.size(rows)]
            square = tf.gather(squares.value, rows)
            square += (1 - BETA_2) * (gradient**2 - square)
            squares.value.scatter_update(tf.IndexedSlices(square, rows))
            move = rate * tf.sqrt(1 - powers[1]) * gradient / (tf.sqrt(square) + EPSILON)
            table.value.scatter_sub(tf.IndexedSlices(move, rows))
        for (weight, square, gradient), mean in zip(every[self._tables :], self._means, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.value.handle,
                m=mean.value.handle,
                v=square.value.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=rate,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )


def _of_rows(gradient: Any, rows: Any, room: Any) -> Any:
    places = tf.searchsorted(rows, gradient.indices)
    return tf.math.unsorted_segment_sum(gradient.values, places, room)
