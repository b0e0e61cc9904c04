"""The twin held against scatseisnet itself, which is only called."""

import functools
import pickle

import numpy as np
import pytest

from scatterfall import scatseisnet as twin

original = pytest.importorskip("scatseisnet")

BANKS = (dict(octaves=3, resolution=2, quality=2.0), dict(octaves=2, resolution=2), dict(octaves=2, quality=1.0))
POOLINGS = {
    "none": None,
    "median": np.median,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "std": np.std,
    "quantile": functools.partial(np.quantile, q=0.8),
    "own": lambda x, axis=-1: np.sqrt((x**2).sum(axis=axis)),
    "several": lambda x, axis=-1: np.quantile(x, [0.1, 0.9], axis=axis),
    "number": lambda x, axis=-1: 1.0,
}


def both(layers=2, bins=64, **options):
    arguments = dict(bins=bins, sampling_rate=10.0, **options)
    return twin.ScatteringNetwork(*BANKS[:layers], **arguments), original.ScatteringNetwork(*BANKS[:layers], **arguments)


def samples(*shape, dtype=np.float64, offset=0.0):
    noise = np.random.default_rng(sum(shape)).standard_normal(shape)
    return (noise * (1 + np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))) + offset).astype(dtype)


def off(got, want):
    """The largest difference, over the largest value of its segment; shapes and types are the same."""
    worst = 0.0
    assert type(got) is type(want) and len(got) == len(want)
    for g, w in zip(got, want):
        assert (g.shape, g.dtype) == (w.shape, w.dtype)
        if w.size:
            scale = np.abs(w).reshape(len(w), -1).max(1).reshape(-1, *[1] * (w.ndim - 1))
            worst = max(worst, (np.abs(g - w) / scale).max())
    return worst


# Single precision carries 6e-8; pooled over some thousand samples it stays below this.
CLOSE = 1e-6


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_layers_and_poolings(layers, pooling):
    mine, theirs = both(layers)
    x = samples(3, 2, 64)
    got = mine.transform(x.copy(), reduce_type=POOLINGS[pooling])
    assert off(got, theirs.transform(x.copy(), reduce_type=POOLINGS[pooling])) < CLOSE
    one = mine.transform_segment(x[1], POOLINGS[pooling])
    assert all(np.allclose(a, b[1], rtol=1e-12, atol=0) for a, b in zip(one, got))


@pytest.mark.parametrize("bins", [1, 2, 63, 101, 128])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [None, 0.0, 0.3, 0.99])
def test_lengths_types_and_tapers(bins, dtype, alpha):
    mine, theirs = both(bins=bins)
    x = samples(4, bins, dtype=dtype)
    for reduce_type in (np.median, np.max):
        try:
            want = theirs.transform(x.copy(), taper_alpha=alpha, reduce_type=reduce_type)
        except Exception:
            continue
        if np.isnan(want[0]).any():
            continue
        # The taper of the original is in the samples' own precision.
        limit = CLOSE if dtype is np.float64 or not alpha else 1e-5
        assert off(mine.transform(x.copy(), taper_alpha=alpha, reduce_type=reduce_type), want) < limit


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4, 1e6, 1e8])
def test_offsets(offset):
    mine, theirs = both(bins=512)
    for own, other in zip(mine.banks, theirs.banks):
        # What a filter has at zero is its rounding, 1e-14 of its peak and not the same in both; 1e8 times that shows.
        own.spectra = other.spectra
    x = samples(2, 1, 512, offset=offset)
    got, want = (n.transform(x.copy(), reduce_type=np.median) for n in (mine, theirs))
    assert off(got, want) < CLOSE
    if offset:
        single = mine.transform(x.astype(np.float32), reduce_type=np.median)
        assert offset < 1e4 or off(single, want) > 1e-5, "negative control: single precision loses it"


def test_negative_control():
    mine, theirs = both()
    x = samples(3, 2, 64)
    want = theirs.transform(x.copy(), reduce_type=np.median)
    assert off(mine.transform(1.001 * x, reduce_type=np.median), want) > 100 * CLOSE
    assert off(mine.transform(x, reduce_type=np.mean), want) > 100 * CLOSE


def test_every_kind_of_input():
    mine, theirs = both()
    x = samples(3, 2, 64)
    want = theirs.transform(x.copy(), reduce_type=np.median)
    for given in (x, list(x), (s for s in x), x.tolist(), x.astype(">f8"), np.asfortranarray(x), x[::-1][::-1]):
        assert off(mine.transform(given, reduce_type=np.median), want) < CLOSE
    assert off(mine.transform(x, np.max), theirs.transform(x.copy(), reduce_type=np.max)) < CLOSE, "as documented"
    deep = x.reshape(1, 3, 2, 64)
    assert off(mine.transform(deep), theirs.transform(deep.copy())) < CLOSE
    z = x + 1j * x[::-1]
    assert off(mine.transform(z, reduce_type=np.mean), theirs.transform(z.copy(), reduce_type=np.mean)) < CLOSE
    for empty in ([], np.zeros((0, 2, 64))):
        assert [o.shape for o in mine.transform(empty)] == [o.shape for o in theirs.transform(empty)] == [(0,), (0,)]


def test_not_a_number_stays_in_its_channel():
    mine, theirs = both()
    x = samples(2, 3, 64)
    x[0, 1, 5] = np.nan
    got, want = (n.transform(x.copy(), reduce_type=np.median) for n in (mine, theirs))
    for g, w in zip(got, want):
        assert np.array_equal(np.isnan(g), np.isnan(w))


def test_the_callers_array_is_left_alone():
    mine, _ = both()
    x = samples(2, 3, 64)
    kept = x.copy()
    mine.transform(x, taper_alpha=0.5)
    assert np.array_equal(x, kept)


@pytest.mark.parametrize(
    ("call", "kinds"),
    [
        (lambda n: n.transform(samples(2, 3, 63)), ValueError),
        (lambda n: n.transform(np.zeros((2, 3, 64), int)), TypeError),
        (lambda n: n.transform(samples(2, 3, 64) > 0), TypeError),
        (lambda n: n.transform(samples(2, 3, 64), reduce_type="median"), TypeError),
        (lambda n: n.transform(samples(2, 3, 64), unknown=1), TypeError),
        (lambda n: n.transform(None), TypeError),
        (lambda n: type(n)(dict(octaves=3, unknown=1), bins=64), TypeError),
        (lambda n: type(n)(dict(octaves=3.5), bins=64), TypeError),
        (lambda n: type(n)(3, bins=64), TypeError),
        (lambda n: type(n)(dict(octaves=-1), bins=64), ValueError),
        (lambda n: type(n)(dict(), bins=0), ValueError),
    ],
)
def test_errors(call, kinds):
    for network in both():
        with pytest.raises(kinds):
            call(network)


def test_attributes():
    mine, theirs = both()
    assert len(mine) == len(theirs) == 2 and repr(mine) == repr(theirs)
    assert set(vars(mine)) == set(vars(theirs))
    for a, b in zip(mine.banks, theirs.banks):
        assert set(vars(a)) == set(vars(b)) and len(a) == len(b) and repr(a) == repr(b)
        for name in "wavelets spectra times frequencies ratios scales centers widths".split():
            got, want = getattr(a, name), getattr(b, name)
            assert (got.dtype, got.shape) == (want.dtype, want.shape), name
            assert np.allclose(got, want, rtol=1e-12, atol=1e-12), name
        assert (a.nyquist, a.shape, a.size) == (b.nyquist, b.shape, b.size)
        x = samples(3, 64)
        assert np.allclose(a.transform(x), b.transform(x), rtol=1e-12, atol=1e-12)


def test_banks_may_be_replaced():
    mine, theirs = both()
    x = samples(2, 64)
    for network in (mine, theirs):
        network.transform(x.copy(), reduce_type=np.median)
        network.banks[0].spectra = network.banks[0].spectra * 2
        network.banks[1].spectra[0] *= 3j
    assert off(*(n.transform(x.copy(), reduce_type=np.median) for n in (mine, theirs))) < CLOSE
    mine.banks.append(twin.wavelet.ComplexMorletBank(64, octaves=1))
    theirs.banks.append(original.wavelet.ComplexMorletBank(64, octaves=1))
    assert off(*(n.transform(x.copy(), reduce_type=np.median) for n in (mine, theirs))) < CLOSE


def test_a_taper_of_ones_own():
    mine, theirs = both()
    taper = np.r_[0.5, np.ones(20), 0.2, np.ones(42)]
    x = samples(1, 64)[0]
    for network in (mine, theirs):
        network.taper = taper.copy()
    got, want = (n.transform_segment(x.copy(), np.max) for n in (mine, theirs))
    assert off(got, want) < CLOSE


def test_pickles(monkeypatch):
    import sys

    mine, theirs = both()
    x = samples(2, 64)
    want = mine.transform(x, reduce_type=np.median)
    assert off(pickle.loads(pickle.dumps(mine)).transform(x, reduce_type=np.median), want) == 0
    stored = pickle.dumps(theirs)
    for name in ("scatseisnet", "scatseisnet.network", "scatseisnet.operation", "scatseisnet.wavelet"):
        monkeypatch.setitem(sys.modules, name, sys.modules[name])
    twin.install()
    loaded = pickle.loads(stored)
    assert isinstance(loaded, twin.ScatteringNetwork)
    assert off(loaded.transform(x, reduce_type=np.median), want) < CLOSE


def test_operations():
    x = np.arange(20.0).reshape(2, 10)
    for arguments in [(4,), (4, 3), (10,), (11,)]:
        got, want = twin.operation.segmentize(x, *arguments), original.operation.segmentize(x, *arguments)
        assert (got.shape, got.dtype) == (want.shape, want.dtype) and np.array_equal(got, want)
        pairs = zip(twin.operation.segment(x, *arguments), original.operation.segment(x, *arguments))
        assert all(np.array_equal(a, b) for a, b in pairs)
    assert np.array_equal(twin.operation.pool(x, np.max), original.operation.pool(x, np.max))
    assert np.array_equal(twin.operation.pool(x), original.operation.pool(x))
    t = np.linspace(-3, 3, 50)
    for center, width in [(0.3, 2.0), (np.array([0.3, 0.2]), np.array([1.0, 2.0]))]:
        assert np.allclose(twin.wavelet.gaussian_window(t, width), original.wavelet.gaussian_window(t, width))
        got, want = (w.complex_morlet(t, center, width) for w in (twin.wavelet, original.wavelet))
        assert got.shape == want.shape and np.allclose(got, want, rtol=1e-12, atol=1e-14)
