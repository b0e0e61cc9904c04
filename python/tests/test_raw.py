"""Raw DAS: waterfalls, xdas, DASCore."""

import numpy as np
import pytest

from scatterfall import ScatteringNetwork, scatter, waterfall

BANKS = [(3, 2, 1.0), (2, 1, 1.0)]


def fibre(samples=2000, places=12, rate=100.0):
    """A tone that grows along the fibre on an offset, with its times and places."""
    times = np.datetime64("2024-05-01T23:59:50", "ns") + (np.arange(samples) * 1e9 / rate).astype("timedelta64[ns]")
    distance = np.arange(places) * 10.0
    tone = np.sin(2 * np.pi * 20 * np.arange(samples) / rate)
    return tone[:, None] * 10.0 ** (np.arange(places) / 20) + 5.0, times, distance


def test_levels_are_decibels_of_the_root_mean_square():
    x, times, distance = fibre()
    levels = waterfall((x, times, distance), "0.5s")
    assert levels.values.shape == (40, 12) and levels.interval == pytest.approx(0.5)
    # A tone's mean square is a half; its places are a decibel apart.
    assert np.allclose(levels.values, 10 * np.log10(0.5) + np.arange(12), atol=1e-4)
    assert levels.times[1] - levels.times[0] == np.timedelta64(500, "ms")
    assert not np.allclose(waterfall((x * 2, times, distance), "0.5s").values, levels.values), "negative control"


def test_bands():
    x, times, distance = fibre()
    levels = waterfall((x, times, distance), "1s", bands=[(15, 25), (30, 40)])
    assert levels.values.shape == (2, 20, 12)
    assert np.allclose(levels.values[0], 10 * np.log10(0.5) + np.arange(12), atol=1e-3)
    assert (levels.values[1] < levels.values[0] - 80).all()


def test_wrong_sources():
    with pytest.raises(ValueError):
        waterfall(fibre(), "1ms")
    with pytest.raises(ValueError):
        waterfall(fibre(samples=5), "1s")
    with pytest.raises(TypeError):
        waterfall(7)


def test_xdas_chunks_equal_the_whole():
    xdas = pytest.importorskip("xdas")
    from scatterfall.xdas import Scattering

    x, times, distance = fibre()
    ends = {"tie_indices": [0, len(times) - 1], "tie_values": [times[0], times[-1]]}
    array = xdas.DataArray(x, coords={"time": ends, "distance": distance}, dims=("time", "distance"))
    array["time"] = array["time"].to_regular()
    assert np.array_equal(waterfall(array, "1s").values, waterfall((x, times, distance), "1s").values)
    for segment, hop in [(128, 50), (64, 64), (50, 170)]:
        atom = Scattering(BANKS, segment, hop)
        whole = atom(array)
        starts, orders = scatter(x.T, BANKS, segment, hop, sampling_rate=100.0)
        want = np.concatenate([o.reshape(*o.shape[:2], -1) for o in orders], axis=-1)
        assert whole.dims == ("time", "distance", "path") and np.array_equal(whole.values, want)
        assert np.array_equal(whole["time"].values, times[starts])
        for size in (30, 77, 500):
            atom = Scattering(BANKS, segment, hop)
            parts = [atom(array.isel(time=slice(i, i + size)), chunk_dim="time") for i in range(0, len(x), size)]
            parts = [p for p in parts if getattr(p, "size", 0)]
            assert np.array_equal(np.concatenate([p.values for p in parts]), whole.values), (segment, hop, size)
            assert np.array_equal(np.concatenate([p["time"].values for p in parts]), times[starts])


def test_dascore_patches():
    dascore = pytest.importorskip("dascore")
    # Installed, the package's entry point does this.
    import scatterfall.dascore  # noqa: F401

    x, times, distance = fibre()
    patch = dascore.Patch(data=x.T, coords={"time": times, "distance": distance}, dims=("distance", "time"))
    levels = patch.scatterfall.waterfall("1s")
    assert levels.dims == ("time", "distance")
    assert np.array_equal(levels.data, waterfall((x, times, distance), "1s").values)
    got = patch.scatterfall.scattering(BANKS, 128, 100)
    first = ScatteringNetwork(BANKS, 128, 100.0).transform(x[100:228].T)[0]
    assert got.dims == ("time", "distance", "path") and np.array_equal(got.data[1, :, :6], first)


def test_a_folder_of_raw_files(tmp_path):
    dascore = pytest.importorskip("dascore")
    from scatterfall.das import main

    random = np.random.default_rng(0)
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    for k in range(12):
        start = np.datetime64("2024-05-01T23:50:00", "ns") + np.timedelta64(60 * k, "s")
        times = start + (np.arange(3000) * 20_000_000).astype("timedelta64[ns]")
        x = random.standard_normal((3000, 80)) * (1 + 5 * (k % 3 == 0) * (np.arange(80) > 50))
        patch = dascore.Patch(data=x, coords={"time": times, "distance": np.arange(80) * 50.0}, dims=("time", "distance"))
        patch.io.write(raw / f"{k}.h5", "DASDAE")
    assert main([str(raw), "--output", str(out)]) == 0
    from scatterfall import Results

    results = Results(out)
    assert results.days == ["20240501", "20240502"]
    assert results.features("20240501")["features"].shape == (10, 39, 3)
    assert len(results.clusters()) > 0 and (out / "report.html").stat().st_size > 1000
    assert main([str(tmp_path / "none")]) == 1
