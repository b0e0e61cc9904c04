"""The package's own interface."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest

import scatterfall
from scatterfall import ScatteringNetwork, relative_floor, scatter

BANKS = [(4, 3, 1.0), dict(octaves=3, resolution=1, quality=2.0)]


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def test_shapes_types_and_poolings():
    network = ScatteringNetwork(BANKS, 128, 50.0)
    x = noise(5, 2, 128)
    whole = network.scalograms(x)
    assert [o.shape for o in whole] == [(5, 2, 12, 128), (5, 2, 12, 3, 128)]
    named = dict(median=np.median, mean=np.mean, max=np.max, min=np.min, std=np.std)
    named |= {0.25: lambda a, axis: np.quantile(a, 0.25, axis=axis)}
    for pooling, function in named.items():
        pooled = network.transform(x, pooling)
        assert [o.dtype for o in pooled] == [np.float32] * 2
        for order, scalogram in zip(pooled, whole):
            want = function(scalogram.astype(float), axis=-1)
            # Rounded once more than the scalograms.
            assert np.allclose(order, want, rtol=1e-5, atol=1e-6 * want.max()), pooling
    assert not np.allclose(network.transform(x)[0], network.transform(x, "mean")[0]), "negative control"
    assert network.transform(x[0, 0])[0].shape == (12,)
    assert network.transform(np.ones((3, 128), int))[0].shape == (3, 12)


def test_levels_come_back_exactly():
    network = ScatteringNetwork([(6, 4, 4.0), (4, 1, 2.0)], 1000, 100.0)
    x = noise(3, 1000)
    want = network.transform(x)
    for level in (1e3, 1e6, 1e8):
        for got, order in zip(network.transform(x + level), want):
            largest = order.reshape(3, -1).max(1).reshape(-1, *[1] * (order.ndim - 1))
            # The samples themselves are rounded to 1.5e-8 at a level of 1e8; filters as long as a segment let some
            # of the level through, so only short ones are what they are without it.
            short = slice(0, 8)
            assert (np.abs(got - order) / largest)[:, short].max() < 1e-5, level
    lost = network.transform((x + 1e6).astype(np.float32))[0]
    assert (np.abs(lost - want[0]) / want[0].max())[:, :8].max() > 1e-5, "negative control: single precision"


def test_pieces_and_threads_do_not_change_a_bit():
    x = noise(150, 1, 64)
    x[::3] += 1e7
    networks = [ScatteringNetwork(BANKS, 64, threads=n) for n in (None, 1, 3)]
    first, *others = (n.transform(x) for n in networks)
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other))
    alone = [networks[0].transform(one)[1] for one in x[:20]]
    assert np.array_equal(first[1][:20], alone), "neighbours with and without a level"


@pytest.mark.parametrize(
    "call",
    [
        lambda: ScatteringNetwork([], 64),
        lambda: ScatteringNetwork([(0, 1, 1.0)], 64),
        lambda: ScatteringNetwork(BANKS, 0),
        lambda: ScatteringNetwork(BANKS, 64, -1.0),
        lambda: ScatteringNetwork(BANKS, 64, taper=2.0),
        lambda: ScatteringNetwork(BANKS, 64, taper=1.0),
        lambda: ScatteringNetwork(BANKS, 64, normalize="l3"),
        lambda: ScatteringNetwork(BANKS, 64, oversampling=3),
        lambda: ScatteringNetwork([(1 << 20, 1 << 20, 1.0)], 64),
        lambda: ScatteringNetwork(BANKS, 64).transform(noise(3, 65)),
        lambda: ScatteringNetwork(BANKS, 64).transform(noise(3, 64), "mode"),
        lambda: ScatteringNetwork(BANKS, 64).transform(noise(3, 64), 1.5),
        lambda: scatterfall.run(settings={"network.nothing": 1}),
        lambda: scatterfall.run(nothing="x"),
    ],
)
def test_wrong_values(call):
    with pytest.raises(ValueError):
        call()


def test_other_errors(tmp_path):
    with pytest.raises(TypeError):
        ScatteringNetwork(BANKS, 64).transform(np.full((2, 64), "x"))
    with pytest.raises(OSError):
        scatterfall.Model.load(tmp_path)


def test_series_are_cut():
    x = noise(3, 1000)
    starts, orders = scatter(x, BANKS, 128, 100)
    assert starts.tolist() == list(range(0, 873, 100)) and orders[1].shape == (9, 3, 12, 3)
    want = ScatteringNetwork(BANKS, 128).transform(x[:, 300:428])
    assert all(np.array_equal(o[3], w) for o, w in zip(orders, want))
    assert scatter(x[:, :10], BANKS, 128)[1][0].shape == (0, 3, 12)


def test_pickle():
    network = ScatteringNetwork(BANKS, 64, taper=0.2, normalize="l1")
    again = pickle.loads(pickle.dumps(network))
    assert np.array_equal(network.transform(noise(2, 64))[1], again.transform(noise(2, 64))[1])


def test_floor_relative_to_the_row():
    order = np.array([[1.0, 1e-13, 0.5], [1e-6, 1e-20, 0.0]])
    assert np.allclose(relative_floor(order, 1), [[1.0, 1e-12, 0.5], [1e-6, 1e-18, 1e-18]], rtol=1e-12, atol=0)


def test_interrupts():
    network = ScatteringNetwork([(6, 8, 1.0), (6, 4, 1.0)], 4096)
    x = np.zeros((4000, 4096), np.float32)
    begun = time.monotonic()
    # A shell that starts the tests in the background has them ignore the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        network.transform(x)
    network.transform(x[:1])
    assert time.monotonic() > begun


def test_the_lock_is_released():
    network = ScatteringNetwork([(6, 8, 1.0), (6, 4, 1.0)], 4096, threads=1)
    ticks = []
    done = threading.Event()

    def tick():
        while not done.wait(0.001):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    network.transform(np.zeros((16, 4096), np.float32))
    done.set()
    thread.join()
    assert len(ticks) > 3
