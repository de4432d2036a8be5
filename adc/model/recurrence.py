"""Keras' GRU, with a loop of its own where cuDNN has none: on CPUs most of a training step is this loop."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="adc")
class GRU(keras.layers.GRU):  # type: ignore[misc]
    """The same numbers as Keras' GRU for texts that are padded at their ends, which are told by `mask`.

    As it is built by default, in float32 and without a state to begin with. Only states of tokens are meant:
    those of padding are other than Keras'. On a GPU cuDNN computes, unless `use_cudnn` is false.
    """

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Keras' hook: last states (B, U), states (B, T, U) and [last], from (B, T, F) and mask (B, T)."""
        if mask is None or (self.use_cudnn and tf.config.list_physical_devices("GPU")):
            return super().inner_loop(sequences, initial_state, mask, training)
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        cell = self.cell
        entering, inner = tf.unstack(tf.convert_to_tensor(cell.bias))  # (3U,) each
        inputs = tf.tensordot(tf.transpose(sequences, [1, 0, 2]), tf.convert_to_tensor(cell.kernel), 1)
        inputs += entering  # (T, B, 3U)
        if self.go_backwards:
            inputs = tf.reverse_sequence(inputs, lengths, seq_axis=0, batch_axis=1)
        states = _states(inputs, tf.convert_to_tensor(cell.recurrent_kernel), inner)  # (T, B, U)
        last = states[-1]
        if self.go_backwards:
            # Keras reverses whole sequences, padding and all.
            states = tf.reverse(tf.reverse_sequence(states, lengths, seq_axis=0, batch_axis=1), [0])
        return last, tf.transpose(states, [1, 0, 2]), [last]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _states(inputs: Any, kernel: Any, bias: Any) -> Any:
    """States (T, B, U) of a GRU from what enters its gates (T, B, 3U), kernel (U, 3U) and bias (3U,) within.

    The gradient by hand: all that does not go from step to step is computed at once, outside of the loops.
    """
    steps, units = tf.shape(inputs)[0], kernel.shape[0]
    start = tf.zeros((tf.shape(inputs)[1], units))

    def listed(values: Any = None, width: int = units) -> Any:
        array = tf.TensorArray(tf.float32, size=steps, element_shape=(None, width))
        return array if values is None else array.unstack(values)

    entering = listed(inputs, 3 * units)

    def forth(step: Any, state: Any, before: Any, gates: Any, within: Any) -> Any:
        inner = tf.matmul(state, kernel) + bias
        entering_gates, entering_new = tf.split(entering.read(step), [2 * units, units], -1)
        inner_gates, inner_new = tf.split(inner, [2 * units, units], -1)
        both = tf.sigmoid(entering_gates + inner_gates)
        update, reset = tf.split(both, 2, -1)
        new = tf.tanh(entering_new + reset * inner_new)
        before, within = before.write(step, state), within.write(step, inner_new)
        gates = gates.write(step, tf.concat([both, new], -1))
        return step + 1, new + update * (state - new), before, gates, within

    _, last, *kept = tf.while_loop(
        lambda step, *_: step < steps,
        forth,
        (0, start, listed(), listed(width=3 * units), listed()),
        maximum_iterations=steps,
    )
    before, gates, within = (array.stack() for array in kept)

    def gradient(of_states: Any) -> tuple[Any, Any, Any]:
        update, reset, new = tf.split(gates, 3, -1)
        # How a state moves with what goes into its gates, and with what the state before has brought.
        by_new = (1 - update) * (1 - new**2)
        by_gates = tf.concat(
            [(before - new) * update * (1 - update), by_new * within * reset * (1 - reset)], -1
        )
        by_inner = tf.concat([by_gates, by_new * reset], -1)
        given, kept, moves = listed(of_states), listed(update), listed(by_inner, 3 * units)
        back_kernel = tf.transpose(kernel)

        def back(step: Any, later: Any, of_state: Any) -> Any:
            own = later + given.read(step)
            through = tf.matmul(tf.tile(own, (1, 3)) * moves.read(step), back_kernel)
            return step - 1, own * kept.read(step) + through, of_state.write(step, own)

        *_, of_state = tf.while_loop(
            lambda step, *_: step >= 0, back, (steps - 1, start, listed()), maximum_iterations=steps
        )
        own = of_state.stack()
        of_inner = tf.tile(own, (1, 1, 3)) * by_inner
        flat = tf.reshape(of_inner, (-1, 3 * units))
        of_inputs = tf.concat([of_inner[..., : 2 * units], own * by_new], -1)
        of_kernel = tf.matmul(tf.reshape(before, (-1, units)), flat, transpose_a=True)
        return of_inputs, of_kernel, tf.reduce_sum(flat, 0)

    return tf.concat([before[1:], last[None]], 0), gradient
