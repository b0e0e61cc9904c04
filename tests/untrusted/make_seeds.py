"""Writes the small seeds of the fuzz targets: names, configurations, images, arrays (numpy, pillow), and models, where
the program is given: `make_seeds.py [target/release/scatterfall]`.

Seeds of MiniSEED are `crates/miniseed/tests/goldens`. Files here whose names begin with `found` are cases of fuzzing.
"""

import io
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def put(folder, name, data):
    path = HERE / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


names = {
    "default": "\nWaterfall_RMS_20250515_000100",
    "pattern": "*_%Y%m%d_%H%M%S*\nfibre 7_20250515_000100_v2",
    "iso": "das %Y-%m-%dT%H-%M*\ndas 2025-05-15T02-07 (RMS)",
    "day_of_year": "%Y-%j %H%M\n2024-366 2359",
    "seconds": "%s\n1747267260",
    "fraction": "%Y%m%d%H%M%S%.3f\n20250515000100.250",
    "twelve": "%d.%m.%y %I:%M %p\n15.05.25 01:45 PM",
    "far": "%Y%m%d%H%M\n+2621421231\n",
    "umlaut": "*é%Y%m%d%H%M%z\néé202505150001+0200",
}
for name, text in names.items():
    put("names", name, text)

configs = {
    "empty": "",
    "bins": "[segments]\nbins = 16\noverlap = 0.5\ncontinuity = \"concatenated\"\n",
    "banks": "[[network.banks]]\noctaves = 2\nresolution = 2\n[[network.banks]]\noctaves = 1\nresolution = 2\nquality = 0.5\n",
    "times": '[input]\nstart = "20250515_000000"\nend = "20250516_000000"\ntime_pattern = "*%Y%m%d_%H%M%S"\n',
    "exclude": '[exclude]\ndistance_km = [[1, 2.5], [3.0, 4.0]]\ntime = [["20250515_000000", "20250516_000000"]]\n',
    "cluster": '[cluster]\nmethod = "dbscan"\n[cluster.gmm]\nrange = [2, 4]\nselect = "bic"\n[cluster.dbscan]\neps = 1e-3\n',
    "unknown": "[segment]\nlenght_km = 3\n",
    "overrides": "segments.length_km=1.5\nfeatures.names=[\"std\",\"max\"]\nnetwork.taper_alpha=0.1\ncrop.enabled=false\n",
    "numbers": "[input]\nduration_s = 1e300\nmax_pixels = 9223372036854775807\nutc_offset_h = -nan\n",
}
for name, text in configs.items():
    put("config", name, text)

rng = np.random.default_rng(7)


def png(name, array, mode=None, **how):
    out = io.BytesIO()
    Image.fromarray(array, mode).save(out, "PNG", **how)
    put("png", name, out.getvalue())


rows, columns = 12, 20
rgb = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
png("rgb", rgb)
png("rgba", np.dstack([rgb, rgb[..., :1]]))
png("grey", rgb[..., 0])
png("grey_alpha", np.ascontiguousarray(rgb[..., :2]), "LA")
png("deep_grey", rng.integers(0, 65536, (rows, columns), dtype=np.uint16))
out = io.BytesIO()
Image.fromarray(rgb).quantize(16).save(out, "PNG", bits=4, transparency=3)
put("png", "palette", out.getvalue())
out = io.BytesIO()
Image.fromarray(rgb[..., 0] > 127).save(out, "PNG")
put("png", "bits", out.getvalue())


def chunk(kind, data):
    import zlib

    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width, height, depth, color, interlace, pixels):
    import zlib

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")


# Adam7: the passes of an 8 x 8 grey image have 1x1, 1x1, 2x1, 2x2, 4x2, 4x4, 8x4 pixels.
passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
data = b"".join(b"\0" + bytes(range(w)) for w, h in passes for _ in range(h))
put("png", "interlaced", raw_png(8, 8, 8, 0, 1, data))
put("png", "deep_rgba", raw_png(3, 2, 16, 6, 0, (b"\1" + bytes(24)) * 2))
put("png", "bomb", raw_png(60000, 1000, 16, 6, 0, b"\0" * 1000))
put("png", "text", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + chunk(b"tEXt", b"Comment\0hello") + chunk(b"iCCP", b"x\0\0" + b"\x78\x9c\x03\0\0\0\0\x01") + chunk(b"IDAT", b"x\x9cc`\0\0\0\x02\0\x01")
    + chunk(b"IEND", b""))


def npy(name, array, **how):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **how)
    put("npy", name, out.getvalue())


npy("f4", np.arange(6, dtype="<f4").reshape(2, 3))
npy("f8_fortran", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
npy("i2_big", np.arange(5, dtype=">i2"))
npy("times", np.array(["2025-05-15T00:01", "NaT"], dtype="M8[s]"))
npy("scalar", np.array(1.5))
npy("version_2", np.arange(3.0), version=(2, 0))
npy("record", np.zeros(2, dtype=[("a", "f4"), ("b", "i2")]))
npy("empty", np.zeros((0, 4)))
lie = "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 1048576), }"
put("npy", "lie", b"\x93NUMPY\1\0" + struct.pack("<H", len(lie)) + lie.encode() + bytes(16))
deep = "{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 60
put("npy", "deep", b"\x93NUMPY\1\0" + struct.pack("<H", len(deep)) + deep.encode())


def npz(name, compressed=False, **arrays):
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, **arrays)
    put("npz", name, out.getvalue())


times = np.array(["2025-05-15T00:01", "2025-05-15T00:02"], dtype="M8[us]")
npz("features", features=np.ones((2, 3, 1), np.float32), times=times, distance=np.arange(3.0))
npz("compressed", True, order_1=np.zeros((4, 2), np.float32), image=np.arange(4), distance=np.zeros(4))
npz("empty")
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("a.npy", b"no array")
    archive.writestr("../features.npy", b"\x93NUMPY\1\0")
put("npz", "odd", out.getvalue())

# Models of two dozen rows, as their files one after the other; their digests are put in by whoever reads them.
MODEL = """
[compute]
backend = "cpu"
[crop]
enabled = false
[features]
step = 40
names = ["std"]
[segments]
bins = 8
overlap = 0.0
[network]
order_0 = false
[[network.banks]]
octaves = 1
resolution = 2
[[network.banks]]
octaves = 1
resolution = 1
[reduce]
pca_components = 2
ica_components = 2
[cluster.gmm]
components = 2
[cluster.kmeans]
clusters = 2
[cluster.dbscan]
eps = 1.5
min_samples = 3
[cluster.agglomerative]
clusters = 2
[visualize]
methods = []
"""
KINDS = {
    "gmm": ["cluster.method=gmm"],
    "gmm_diag": ["cluster.method=gmm", "cluster.gmm.covariance=diag", "anomaly.baseline=model"],
    "gmm_tied": ["cluster.method=gmm", "cluster.gmm.covariance=tied"],
    "gmm_spherical": ["cluster.method=gmm", "cluster.gmm.covariance=spherical", "segments.continuity=concatenated"],
    "kmeans": ["cluster.method=kmeans", "network.taper_alpha=0.1"],
    "dbscan": ["cluster.method=dbscan"],
    "agglomerative": ["cluster.method=agglomerative", "value.colormap=COLORS"],
}


def models(program):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        archive, config, colors = folder / "archive", folder / "config.toml", folder / "colors.txt"
        subprocess.run([program, "synth", "--output", archive, "--images", "24", "--small"], check=True)
        config.write_text(MODEL)
        colors.write_text((HERE / "../../assets/colormaps/jet.txt").read_text())
        for name, settings in KINDS.items():
            output = folder / name
            command = [program, "run", "--config", config, "--input", archive, "--output", output]
            for setting in settings:
                command += ["--set", setting.replace("COLORS", str(colors))]
            subprocess.run(command, check=True)
            model = output / "model"
            header = re.sub(r'(?m)^"(\S+)" = "[0-9a-f]{64}"$', r'"\1" = "@\1"', (model / "model.toml").read_text())
            header = header.replace(str(colors), "colors.txt")
            files = ["network.npz", "reduction.npz", "clusters.npz", "scores.npz", "colormap.txt"]
            parts = [(model / f).read_bytes() for f in files if (model / f).exists()]
            put("model", name, b"\n-- next file --\n".join([header.encode(), *parts]))


if len(sys.argv) > 1:
    models(Path(sys.argv[1]).resolve())
