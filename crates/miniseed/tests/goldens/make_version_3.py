#!/usr/bin/env python3
"""Makes the MiniSEED 3 and SAC files beside it and what they hold (expected_others.json).

    make_version_3.py           made with pymseed 1.0 (libmseed 3) and ObsPy 1.5.1

What is expected are the samples and times that were given to the writers, read back once by the same libraries.
"""
import json, os
import numpy as np
import obspy
from obspy import Trace, UTCDateTime
from pymseed import DataEncoding, MS3Record, MS3TraceList, nslc2sourceid, timestr2nstime

HERE = os.path.dirname(os.path.abspath(__file__))
START = "2024-02-29T23:59:59.987654321Z"
START_US = 1709251199987654        # nanoseconds round to the nearest microsecond
STEPS = [0, 1, -1, 3, -8, 15, -16, 31, -31, 100, -128, 500, -512, 9000, -16000, 0, 30000, -30000, 7, -7]
COUNTS = np.cumsum(STEPS * 10).astype(np.int32)
expected = {}


def version_3(name, data, encoding, kind, rate=50.0, length=512, location="00"):
    with open(os.path.join(HERE, name), "wb") as out:
        r = MS3Record()
        r.sourceid = nslc2sourceid("XX", "GOLD", location, "HHZ")
        r.reclen, r.formatversion, r.samprate, r.encoding = length, 3, rate, encoding
        r.set_starttime_str(START)
        r.extra = '{"FDSN":{"Time":{"Quality":100}}}'
        for record in r.generate(data, sample_type=kind):
            out.write(record)
    path = os.path.join(HERE, name)
    back = MS3TraceList.from_file(path, unpack_data=True)
    segments = [s for t in back for s in t]
    assert len(segments) == 1 and np.array_equal(segments[0].np_datasamples, data), name
    expected[name] = [dict(id=f"XX.GOLD.{location}.HHZ", start_us=START_US, rate=rate, samples=[float(x) for x in data])]


def sac(name, order):
    data = (COUNTS[:90] / 8).astype(np.float32)
    t = Trace(data, dict(network="XX", station="GOLD", location="00", channel="BHN", sampling_rate=40.0,
                         starttime=UTCDateTime("2024-02-29T23:59:59.987000Z")))
    t.write(os.path.join(HERE, name), format="SAC", byteorder=order)
    back = obspy.read(os.path.join(HERE, name))[0]
    assert np.array_equal(back.data, data) and back.stats.starttime.ns // 1000 == 1709251199987000, name
    expected[name] = [dict(id=back.id, start_us=1709251199987000, rate=40.0, samples=[float(x) for x in data])]


version_3("v3_steim2.mseed3", COUNTS, DataEncoding.STEIM2, "i")
version_3("v3_steim1.mseed3", COUNTS, DataEncoding.STEIM1, "i", rate=0.1)
version_3("v3_int32.mseed3", COUNTS, DataEncoding.INT32, "i", length=300)
version_3("v3_float32.mseed3", (COUNTS / 8).astype(np.float32), DataEncoding.FLOAT32, "f")
version_3("v3_float64.mseed3", COUNTS / 3, DataEncoding.FLOAT64, "d", rate=1 / 3)
sac("little.sac", "<")
sac("big.sac", ">")
with open(os.path.join(HERE, "expected_others.json"), "w") as f:
    json.dump(expected, f, indent=0)
print(*expected)
