#!/usr/bin/env python3
"""Makes the records beside it and what ObsPy reads from them (expected.json), and the filter goldens (filter.json).

    make_miniseed.py            made with ObsPy 1.5.1 (libmseed 2.19), NumPy 2.4, SciPy 1.17

ObsPy does not write the gain-ranged encodings, time corrections, noise or records without blockette 1000: those are
records it wrote with bytes changed, and what it then reads.
"""
import io, json, os, struct, warnings
import numpy as np
import obspy
from obspy import Stream, Trace, UTCDateTime

HERE = os.path.dirname(os.path.abspath(__file__))
START = UTCDateTime(2024, 2, 29, 23, 59, 59, 987600)
STEPS = [0, 1, -1, 3, -8, 15, -16, 31, -31, 100, -128, 500, -512, 9000, -16000, 0, 30000, -30000, 7, -7]


def record(data, encoding, order=">", start=START, rate=50.0, channel="HHZ", reclen=256):
    t = Trace(np.asarray(data), dict(network="XX", station="GOLD", location="00", channel=channel, sampling_rate=rate, starttime=start))
    b = io.BytesIO()
    Stream([t]).write(b, format="MSEED", encoding=encoding, byteorder=order, reclen=reclen)
    return bytearray(b.getvalue())


def patched(raw, **at):
    """Bytes replaced: p48=b'..' puts them at 48."""
    for k, v in at.items():
        p = int(k[1:])
        raw[p:p + len(v)] = v
    return raw


def records():
    walk = np.cumsum(STEPS).astype(np.int32)
    wide = np.cumsum([0, 1, 2**28, -2**28, 2**13, -2**13, 3, 2, 1, 0, 1, 2, 3] + STEPS[:7]).astype(np.int32)
    words = (np.arange(10) * 5513 + 13) % 40000 - 20000     # all ranges of the gain-ranged formats
    sro = ((np.arange(10) % 11) << 12 | (np.arange(10) * 389) % 4096).astype(np.uint16).view(np.int16)
    yield "int16_be", record(walk.astype(np.int16), "INT16")
    yield "int16_le", record(walk.astype(np.int16), "INT16", "<")
    yield "int32_be", record(walk * 50000, "INT32")
    yield "int32_le", record(walk * 50000, "INT32", "<")
    yield "float32_be", record((walk * 0.375).astype(np.float32), "FLOAT32")
    yield "float32_le", record((walk * 0.375).astype(np.float32), "FLOAT32", "<")
    yield "float64_be", record(walk / 1024, "FLOAT64")
    yield "float64_le", record(walk / 1024, "FLOAT64", "<")
    for order in ">", "<":
        name = "be" if order == ">" else "le"
        yield f"steim1_{name}", record(wide, "STEIM1", order)
        yield f"steim2_{name}", record(wide, "STEIM2", order)
    for code, name in ((16, "cdsn"), (32, "dwwssn"), (13, "geoscope16_3"), (14, "geoscope16_4")):
        yield name, patched(record(words.astype(np.int16), "INT16"), p52=bytes([code]))
    yield "sro", patched(record(sro, "INT16"), p52=b"\x1e")
    yield "geoscope24", patched(record(words.astype(np.int16), "INT16"), p52=b"\x0c")
    # blockette 1001: 20 us beyond the tenths of milliseconds
    yield "microseconds", record(walk, "STEIM2", start=START + 20e-6)
    yield "correction", patched(record(walk, "STEIM2"), p40=struct.pack(">i", -12345))
    yield "correction_applied", patched(record(walk, "STEIM2"), p36=b"\x02", p40=struct.pack(">i", -12345))
    yield "ten_seconds", record(walk, "STEIM2", rate=0.1)
    # a record of 256 bytes and one of 512 without blockettes: Steim-1, each as long as it is to the next
    a, b = record(walk, "STEIM1"), record(walk, "STEIM1", start=START + 20 / 50, reclen=512)
    for raw in (a, b):
        patched(raw, p39=b"\0", p46=b"\0\0")
    yield "no_blockettes", a + b
    # two channels in turn, a gap, a noise record, garbage, text, and a last record cut short
    z = [record(walk, "STEIM2", start=START + s) for s in (0, 0.4, 1.0, 1.4)]
    n = [record(walk, "INT32", start=START + s, channel="HHN") for s in (0, 0.4, 0.8)]
    text = record(np.frombuffer(b"clock locked", dtype="|S1"), "ASCII", channel="LOG")
    noise = b"000004" + b" " * 250
    yield "mixed", z[0] + n[0] + z[1] + noise + n[1] + b"\xff" * 128 + z[2] + text + n[2] + z[3] + n[0][:200]


def expected(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = obspy.read(path)
    return [dict(id=t.id, start_us=t.stats.starttime.ns // 1000, rate=t.stats.sampling_rate, type=str(t.data.dtype),
                 samples=[int(x) if x == int(x) else float(x) for x in t.data]) for t in stream if t.data.dtype.kind in "if"]


def rounded(x):
    return [float(f"{v:.12g}") for v in x]


def filters():
    t = np.arange(48.0)
    x = 1000.0 + 0.5 * t + 30.0 * np.sin(0.07 * t) + 5.0 * np.cos(1.3 * t) + np.where(t >= 24, 40.0, 0.0)
    trace = Trace(x, dict(sampling_rate=50.0))
    return dict(linear=rounded(trace.copy().detrend("linear").data), demean=rounded(trace.copy().detrend("demean").data),
                highpass_2=rounded(trace.copy().filter("highpass", freq=2.0, corners=4).data),
                highpass_20=rounded(trace.copy().filter("highpass", freq=20.0, corners=4).data))


def main():
    found = {}          # what is read: the names of the files that hold it
    for name, raw in records():
        path = os.path.join(HERE, name + ".mseed")
        with open(path, "wb") as f:
            f.write(raw)
        found.setdefault(json.dumps(expected(path), separators=(",", ":")), []).append(name)
    lines = [f"{json.dumps(' '.join(names))}: {pieces}" for pieces, names in found.items()]
    with open(os.path.join(HERE, "expected.json"), "w") as f:
        f.write("{\n" + ",\n".join(lines) + "\n}\n")
    with open(os.path.join(HERE, "filter.json"), "w") as f:
        f.write("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in filters().items()) + "\n}\n")


if __name__ == "__main__":
    main()
