#!/usr/bin/env python3
"""Pictures of waterfalls as people have them, with the truth about each, to hold `scatterfall init` against.

    python3 make_pictures.py ARCHIVE OUT

ARCHIVE is a folder of full-size synthetic screenshots (`scatterfall synth --output ARCHIVE --images 12`), from which the colour
indices are read back. OUT gets a folder a kind, and truth.json: for every kind the plot's rectangle (top, bottom, left, right),
the colour map, whether it runs backwards, whether values are signed, the time axis, and whether the case can be told at all.
Needs numpy, pillow and matplotlib.
"""
import datetime as dt
import glob
import json
import os
import sys

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

TOP, BOTTOM, LEFT, RIGHT = 160, 696, 70, 1789
START = dt.datetime(2025, 5, 15, 0, 0)


def read_indices(path):
    """Colour indices (time, distance) of one synthetic screenshot."""
    rgb = np.asarray(Image.open(path).convert("RGB"))[TOP:BOTTOM, LEFT:RIGHT].astype(int)
    key = (rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2]
    table = JET
    keys = (table[:, 0] << 16) + (table[:, 1] << 8) + table[:, 2]
    order = np.argsort(keys)
    return order[np.searchsorted(keys[order], key).clip(0, 255)]


def jet():
    at = np.arange(256) / 255.0
    def ramp(*points): return np.interp(at, *zip(*points))
    rgb = [ramp((0, 0), (.35, 0), (.66, 1), (.89, 1), (1, .5)), ramp((0, 0), (.125, 0), (.375, 1), (.64, 1), (.91, 0), (1, 0)),
           ramp((0, .5), (.11, 1), (.34, 1), (.65, 0), (1, 0))]
    return (np.stack(rgb, 1) * 255).astype(np.uint8).astype(int)


JET = jet()


def turned(field, axis):
    """A field (time down) as it looks with time running along `axis`."""
    return {"down": field, "up": field[::-1], "right": field.T, "left": field[::-1].T}[axis]


def signed(field, rng):
    """Signed amplitudes around 128 with the field's envelope."""
    envelope = np.exp((field - 60.0) / 40.0)
    return np.clip(128 + 14 * envelope * rng.normal(size=field.shape), 0, 255).astype(int)


def plain(field, cmap, **_):
    """The bare plot area."""
    table = JET if cmap == "jet" else (matplotlib.colormaps[cmap](np.arange(256))[:, :3] * 255).astype(np.uint8)
    return Image.fromarray(table[field].astype(np.uint8)), (0, field.shape[0], 0, field.shape[1])


def seed_frame(field, cmap, when, **_):
    """Axes, title and colour bar without a frame line, as the interrogator's own screenshots have them."""
    picture, _ = plain(field, cmap)
    h, w = field.shape
    out = Image.new("RGB", (w + 201, h + 264), "white")
    out.paste(picture, (70, 160))
    draw = ImageDraw.Draw(out)
    bar, _ = plain(np.repeat(np.arange(255, -1, -1)[:, None], 24, 1), cmap)
    out.paste(bar, (70 + w + 41, 160 + (h - 256) // 2))
    draw.text((70, 60), f"Waterfall RMS (dB)  {when:%Y-%m-%d %H:%M:%S} UTC", fill="black")
    for i in range(11):
        x = 70 + i * w // 10
        draw.line([(x, 160 + h), (x, 166 + h)], fill="black")
        draw.text((x - 8, 170 + h), f"{2 * i}.0", fill="black")
    return out, (160, 160 + h, 70, 70 + w)


def figure(field, cmap, when, bar="right", theme="default", size=(16, 8), dpi=100, frame=True, fmt="agg", title=True,
           ground=None, interpolation="nearest", **_):
    """A matplotlib figure; the truth is the axes' own extent."""
    with matplotlib.style.context(theme):
        fig = Figure(figsize=size, dpi=dpi)
        if ground:
            fig.set_facecolor(ground)
        canvas = FigureCanvasAgg(fig)
        ax = fig.add_subplot()
        image = ax.imshow(field, cmap=cmap, vmin=0, vmax=255, aspect="auto", extent=[0, 20, 60, 0], interpolation=interpolation)
        ax.set_xlabel("Distance (km)")
        ax.set_ylabel("Time (s)")
        if title:
            ax.set_title(f"DAS waterfall {when:%Y-%m-%d %H:%M:%S}")
        if bar:
            c = fig.colorbar(image, ax=ax, location={"below": "bottom"}.get(bar, bar))
            c.set_label("dB")
        if not frame:
            for spine in ax.spines.values():
                spine.set_visible(False)
        canvas.draw()
        box = ax.get_window_extent()
        out = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    h = out.height
    return out, (h - box.y1, h - box.y0, box.x0, box.x1)


def window(field, cmap, when, **options):
    """A figure inside a program's window, with a title bar, buttons and a status line."""
    inner, box = figure(field, cmap, when, size=(12, 7), **options)
    out = Image.new("RGB", (inner.width + 240, inner.height + 110), (240, 240, 240))
    out.paste(inner, (230, 70))
    draw = ImageDraw.Draw(out)
    draw.rectangle([0, 0, out.width, 28], fill=(30, 60, 120))
    draw.text((10, 8), "DAS Viewer - Cable North", fill="white")
    for i in range(8):
        draw.rectangle([10, 80 + 40 * i, 210, 108 + 40 * i], outline=(150, 150, 150), fill=(225, 225, 225))
        draw.text((20, 88 + 40 * i), f"Setting {i}", fill="black")
    draw.text((10, out.height - 24), f"{when:%H:%M:%S}  connected", fill="black")
    return out, (box[0] + 70, box[1] + 70, box[2] + 230, box[3] + 230)


def scaled(make, factor):
    def run(*args, **options):
        out, box = make(*args, **options)
        size = (round(out.width * factor), round(out.height * factor))
        return out.resize(size, Image.BILINEAR), tuple(v * factor for v in box)
    return run


def cut(make, top, bottom, left, right):
    """Cropped by hand: so many pixels off each side."""
    def run(*args, **options):
        out, box = make(*args, **options)
        out = out.crop((left, top, out.width - right, out.height - bottom))
        rows = [min(max(v - top, 0), out.height) for v in box[:2]]
        columns = [min(max(v - left, 0), out.width) for v in box[2:]]
        return out, (*rows, *columns)
    return run


def cursor(make):
    def run(*args, **options):
        out, box = make(*args, **options)
        draw = ImageDraw.Draw(out)
        x, y = int(box[2] + 0.6 * (box[3] - box[2])), int(box[0] + 0.4 * (box[1] - box[0]))
        draw.polygon([(x, y), (x, y + 17), (x + 4, y + 13), (x + 7, y + 19), (x + 9, y + 18), (x + 6, y + 12), (x + 11, y + 12)],
                     fill="white", outline="black")
        return out, box
    return run


def crosshair(make):
    def run(*args, **options):
        out, box = make(*args, **options)
        draw = ImageDraw.Draw(out)
        x, y = int(box[2] + 0.97 * (box[3] - box[2])), int(box[0] + 0.05 * (box[1] - box[0]))
        draw.line([(box[2], y), (box[3] - 1, y)], fill="white")
        draw.line([(x, box[0]), (x, box[1] - 1)], fill="white")
        return out, box
    return run


def tooltip(make):
    def run(*args, **options):
        out, box = make(*args, **options)
        draw = ImageDraw.Draw(out)
        x, y = int(box[3] - 130), int(box[0] + 0.3 * (box[1] - box[0]))
        draw.rectangle([x, y, x + 190, y + 60], fill=(255, 255, 225), outline="black")
        draw.text((x + 8, y + 8), "x = 12.34 km\nt = 21.5 s\n-71.3 dB", fill="black")
        return out, box
    return run


def kinds():
    """name -> (maker, colour map, options)"""
    out = {}
    for axis in ("down", "up", "right", "left"):
        out[f"bare_{axis}"] = (plain, "jet", dict(axis=axis))
        out[f"frame_{axis}"] = (seed_frame, "jet", dict(axis=axis))
    for axis in ("up", "right", "left"):
        out[f"figure_{axis}"] = (figure, "viridis", dict(axis=axis))
    for cmap in ("jet", "viridis", "inferno", "magma", "plasma", "turbo", "gray", "gray_r", "viridis_r", "cividis", "hot",
                 "gist_ncar", "rainbow", "hot_r"):
        out[f"figure_{cmap}"] = (figure, cmap, {})
    for cmap in ("seismic", "RdBu", "RdBu_r", "bwr", "coolwarm"):
        out[f"signed_{cmap}"] = (figure, cmap, dict(signed=True))
    out["signed_bare_seismic"] = (plain, "seismic", dict(signed=True))
    for bar in ("left", "right", "below", "top", None):
        out[f"bar_{bar}"] = (figure, "jet", dict(bar=bar))
        out[f"bar_{bar}_plasma"] = (figure, "plasma", dict(bar=bar))
    for cmap in ("jet", "inferno", "gray", "viridis", "magma"):
        out[f"dark_{cmap}"] = (figure, cmap, dict(theme="dark_background"))
    out["dark_grey_ground"] = (figure, "turbo", dict(theme="dark_background", ground="#1e1e1e"))
    out["no_spines"] = (figure, "plasma", dict(frame=False, bar=None))
    for factor in (1.25, 1.5, 0.8):
        out[f"scaled_{factor}"] = (scaled(seed_frame, factor), "jet", {})
        out[f"scaled_figure_{factor}"] = (scaled(figure, factor), "viridis", {})
        out[f"scaled_gray_{factor}"] = (scaled(figure, factor), "gray", {})
    for quality in (85, 95, 75):
        out[f"jpeg_{quality}"] = (seed_frame, "jet", dict(quality=quality))
        out[f"jpeg_figure_{quality}"] = (figure, "viridis", dict(quality=quality))
        out[f"jpeg_bare_{quality}"] = (plain, "turbo", dict(quality=quality))
    out["cut_margins"] = (cut(seed_frame, 100, 50, 40, 120), "jet", {})
    out["cut_into"] = (cut(figure, 0, 200, 300, 0), "viridis", {})
    out["cut_right"] = (cut(figure, 30, 20, 20, 500), "inferno", {})
    out["cut_inside"] = (cut(figure, 200, 200, 300, 500), "viridis", {})
    out["cursor"] = (cursor(seed_frame), "jet", {})
    out["cursor_bare"] = (cursor(plain), "jet", {})
    out["crosshair"] = (crosshair(seed_frame), "jet", {})
    out["tooltip"] = (tooltip(seed_frame), "jet", {})
    out["tooltip_figure"] = (tooltip(figure), "magma", {})
    out["window"] = (window, "jet", {})
    out["window_gray"] = (window, "gray", {})
    out["window_dark"] = (window, "inferno", dict(theme="dark_background"))
    out["smooth"] = (figure, "jet", dict(interpolation="bilinear"))
    out["small_figure"] = (figure, "viridis", dict(size=(6.4, 4.8)))
    out["dpi_150"] = (figure, "turbo", dict(dpi=150))
    out["unknown_map_bar"] = (figure, "gnuplot", {})
    out["unknown_map_no_bar"] = (figure, "gnuplot", dict(bar=None))
    return out


def main():
    source, target = sys.argv[1:3]
    files = sorted(glob.glob(os.path.join(source, "*.png")))[:12]
    fields = [read_indices(f) for f in files]
    truth = {}
    for name, (make, cmap, options) in kinds().items():
        folder = os.path.join(target, name)
        os.makedirs(folder, exist_ok=True)
        rng = np.random.default_rng(1)
        axis, quality = options.get("axis", "down"), options.get("quality")
        for minute, field in enumerate(fields[:6 if "signed" in options else 12]):
            field = turned(signed(field, rng) if options.get("signed") else field, axis)
            picture, box = make(field, cmap, when=START + dt.timedelta(minutes=minute), **options)
            stem = os.path.join(folder, f"wf_{START + dt.timedelta(minutes=minute):%Y%m%d_%H%M%S}")
            if quality:
                picture.save(stem + ".jpg", quality=quality)
            else:
                picture.save(stem + ".png", compress_level=1)
        base, reverse = (cmap[:-2], True) if cmap.endswith("_r") else (cmap, False)
        truth[name] = dict(rect=[float(v) for v in box], map=base, reversed=reverse, signed=bool(options.get("signed")), axis=axis)
    with open(os.path.join(target, "truth.json"), "w") as f:
        json.dump(truth, f, indent=1)


if __name__ == "__main__":
    main()
