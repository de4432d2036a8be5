"""Adam by its formula, and of tables only the rows that were read."""

import numpy as np

RATES = [0.1, 0.2, 0.05, 0.1]
# Of a table of six rows: what was read at each step, in the order of tokens, with padding (0).
READ = [[3, 1, 3, 0], [5, 1, 1, 0], [3, 0, 0, 0], [5, 5, 5, 1]]


def adam(weight, mean, square, gradient, rate, step, beta_1):
    """Kingma and Ba (2015), algorithm 1 in the order of its section 2; the new weight, mean and square."""
    mean = beta_1 * mean + (1 - beta_1) * gradient
    square = 0.999 * square + 0.001 * gradient**2
    pace = rate * np.sqrt(1 - 0.999**step) / (1 - beta_1**step)
    return weight - pace * mean / (np.sqrt(square) + 1e-7), mean, square


def test_rows_that_were_read_are_moved_by_adam_and_the_others_rest():
    import keras
    import tensorflow as tf

    from adc.training.optimizer import Optimizer

    draw = np.random.default_rng(0)
    table, bias = draw.normal(size=(6, 2)).astype(np.float32), draw.normal(size=3).astype(np.float32)
    start = table.copy()
    variables = keras.Variable(table), keras.Variable(bias)
    optimizer = Optimizer(variables[:1], variables[1:])
    state = {"table": [table, np.zeros((6, 2)), np.zeros((6, 2))], "bias": [bias, np.zeros(3), np.zeros(3)]}
    for step, (rate, tokens) in enumerate(zip(RATES, READ, strict=True), start=1):
        values = draw.normal(size=(len(tokens), 2)) * (np.array(tokens) > 0)[:, None]
        of_table, of_bias = np.zeros((6, 2)), draw.normal(size=3)
        np.add.at(of_table, tokens, values)
        # Another rank has read 4.
        rows = np.unique([*tokens, 4]).astype(np.int32)
        slices = tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant(tokens), tf.constant([6, 2]))
        told = optimizer.of_rows([slices, tf.constant(of_bias, tf.float32)], rows, 5)
        assert told[0].shape == (5, 2)
        np.testing.assert_allclose(told[0][: len(rows)], of_table[rows], atol=1e-6)
        np.testing.assert_array_equal(told[0][len(rows) :], 0)
        optimizer.apply(told, rows, np.float32(rate))

        moved = adam(*(array[rows] for array in state["table"]), of_table[rows], rate, step, 0)
        for array, part in zip(state["table"], moved, strict=True):
            array[rows] = part
        state["bias"] = list(adam(*state["bias"], of_bias, rate, step, 0.9))
        kept = [variable.numpy() for variable in optimizer.variables]
        assert kept[0] == step
        expected = [state["bias"][1], state["table"][2], state["bias"][2]]
        for array, truth in zip(kept[1:], expected, strict=True):
            np.testing.assert_allclose(array, truth, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(variables[0].numpy(), state["table"][0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(variables[1].numpy(), state["bias"][0], rtol=1e-4, atol=1e-6)
    # Which no rank has read.
    np.testing.assert_array_equal(variables[0].numpy()[2], start[2])


def test_without_a_table_it_is_keras_adam():
    import keras
    import tensorflow as tf

    from adc.training.optimizer import Optimizer

    ours, theirs = keras.Variable([1.0, -2.0]), keras.Variable([1.0, -2.0])
    optimizer, keras_adam = Optimizer([], [ours]), keras.optimizers.Adam(0.1)
    keras_adam.build([theirs])
    for gradient in ([0.3, 4.0], [-0.1, 2.0], [0.0, 1e-9]):
        optimizer.apply(optimizer.of_rows([tf.constant(gradient)], [0], 1), [0], np.float32(0.1))
        keras_adam.apply([tf.constant(gradient)], [theirs])
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)
    assert len(optimizer.variables) == 3
