#!/usr/bin/env python3
"""How well a run finds what is known to have happened: tables in Markdown.

    detection.py ARCHIVE OUTPUT [ARCHIVE OUTPUT ...] [--collar-images 1] [--collar-km 1] [--json F]

ARCHIVE is a folder with a truth.json (`scatterfall synth`, with or without --hard), OUTPUT the folder that a run over it wrote:
detection/scores_YYYYMMDD.npz (score, times, distance) and events.csv. Needs numpy and scikit-learn.

Cells. A cell (a stretch of fibre in an image) is positive where a box of an event's mask overlaps it for 2 s (or half the
event) and 50 m. It is negative where no mask comes nearer than the collar; cells in the collar do not count.

Entries. An entry of events.csv and an event belong together where 30 % of the entry (points along its track, or its peak)
lie within 10 s and 0.4 km of the event, or the entry's box covers half of the event. An entry that belongs to none is false.
"""
import argparse, csv, datetime as dt, glob, json, os
import numpy as np
from sklearn.metrics import adjusted_rand_score, average_precision_score, roc_auc_score

STRENGTHS = ((0, 2), (2, 4), (4, 8), (8, 99))
GROWN_S, GROWN_KM = 10.0, 0.4
FALSE_CELLS = 0.002
MOVERS = ("vehicle", "train")


def name(strength):
    return f"{strength[0]} to {strength[1]} dB" if strength[1] < 99 else f"{strength[0]} dB and more"


def seconds(text, start):
    return (dt.datetime.fromisoformat(text.replace("Z", "")) - start).total_seconds()


# What is known

def easy_mask(e, km, last):
    """Boxes [t0, t1, x0, x1] of an event of the easy generator, whose truth has none."""
    k, t0 = e["kind"], e["t0"]
    if k == "vehicle":
        t = np.arange(t0, t0 + e["length_s"], 5.0)
        x = e["x0"] + e["speed_ms"] * (t - t0) / 1000
        w = 2 * e["width_km"]
        return [[a, a + 5, min(p, p + e["speed_ms"] / 200) - w, max(p, p + e["speed_ms"] / 200) + w] for a, p in zip(t, x)]
    if k == "earthquake":
        x = np.arange(0, km, 1.0) + 0.5
        r = np.hypot(x - e["x0"], e["depth_km"])
        return [[t0 + q / 6, t0 + q / 3.4 + 2 * e["tail_s"], p - 0.5, p + 0.5] for p, q in zip(x, r)]
    if k == "hammering":
        return [[t0, t0 + e["length_s"], e["x0"] - 2 * e["width_km"], e["x0"] + 2 * e["width_km"]]]
    if k == "glitch":
        return [[t0, t0 + e["length_s"], 0.0, km]]
    return []


def read_truth(folder):
    truth = json.load(open(os.path.join(folder, "truth.json")))
    truth["start"] = dt.datetime.fromisoformat(truth["start"])
    last = truth.get("images", 10**9) * truth.get("duration_s", 60.0)
    events = []
    for e in truth["events"]:
        boxes = e["mask"] if "mask" in e else easy_mask(e, truth["km"], last)
        boxes = [b for b in boxes if b[1] > 0 and b[0] < last and b[3] > 0 and b[2] < truth["km"]]
        if not boxes:
            continue
        b = np.array(boxes)
        events.append(dict(kind=e["kind"], peak_db=e.get("peak_db", e.get("db")), onset=e.get("onset", e["t0"]), mask=b,
                           speed=e.get("speed_ms"), t0=b[:, 0].min(), t1=b[:, 1].max(), x0=b[:, 2].min(), x1=b[:, 3].max()))
    truth["events"] = events
    return truth


# Cells

def read_scores(output, start):
    files = sorted(glob.glob(os.path.join(output, "detection", "scores_*.npz")))
    if not files:
        raise SystemExit(f"{output}: no detection/scores_*.npz: is it a run's output folder?")
    days = [np.load(f) for f in files]
    t = np.concatenate([d["times"] for d in days]).astype("datetime64[us]")
    t = (t - np.datetime64(start, "us")) / np.timedelta64(1, "s")
    return np.concatenate([d["score"] for d in days]), t, days[0]["distance"]


def cells_of(event, t, edges, duration, grow_s=0.0, grow_km=0.0):
    """Where the event's mask overlaps the cells, (images, cells) as index pairs."""
    found = set()
    need_s, need_km = min(2.0, 0.5 * (event["t1"] - event["t0"])), 0.05
    if grow_s or grow_km:
        need_s = need_km = 1e-9
    for t0, t1, x0, x1 in event["mask"]:
        t0, t1, x0, x1 = t0 - grow_s, t1 + grow_s, x0 - grow_km, x1 + grow_km
        wide = min(need_km, 0.5 * (x1 - x0))
        i = np.flatnonzero((np.minimum(t1, t + duration) - np.maximum(t0, t) >= min(need_s, 0.999 * (t1 - t0))))
        j = np.flatnonzero(np.minimum(x1, edges[1:]) - np.maximum(x0, edges[:-1]) >= 0.999 * wide)
        found.update((a, b) for a in i for b in j)
    return found


def cell_figures(truth, score, t, edges, collar_images, collar_km):
    duration = truth.get("duration_s", 60.0)
    positive, near = np.zeros(score.shape, bool), np.zeros(score.shape, bool)
    owned = []
    for e in truth["events"]:
        own = np.array(sorted(cells_of(e, t, edges, duration)), int).reshape(-1, 2)
        grown = np.array(sorted(cells_of(e, t, edges, duration, collar_images * duration, collar_km)), int).reshape(-1, 2)
        positive[own[:, 0], own[:, 1]] = True
        near[grown[:, 0], grown[:, 1]] = True
        owned.append(own)
    finite = np.isfinite(score)
    quiet, loud = score[finite & ~near & ~positive], score[finite & positive]
    if not len(quiet) or not len(loud):
        return dict(cells=score.size, positive=positive.mean(), bar=np.nan, AP=np.nan, AUC=np.nan, found=np.nan, owned=owned)
    y, s = np.r_[np.ones(len(loud)), np.zeros(len(quiet))], np.r_[loud, quiet]
    bar = np.quantile(quiet, 1 - FALSE_CELLS)
    return dict(cells=score.size, positive=positive.mean(), bar=bar, AP=average_precision_score(y, s), AUC=roc_auc_score(y, s),
                found=(loud > bar).mean(), owned=owned)


# Entries

def read_entries(output, start):
    path = os.path.join(output, "events.csv")
    rows = []
    for r in csv.DictReader(open(path, newline="")):
        speed = float(r["speed_ms"]) if r.get("speed_ms") else None
        rows.append(dict(t0=seconds(r["time_from"], start), t1=seconds(r["time_to"], start), x0=float(r["distance_from_km"]),
                         x1=float(r["distance_to_km"]), peak=(seconds(r["peak_time"], start), float(r["peak_km"])),
                         score=float(r["score"]), path=r["path"], speed=speed, kind=r.get("kind") or ""))
    return rows


def place_at(thing, t):
    """Where something that moves is at times t, from its extents and the sign of its speed."""
    first, last = (thing["x0"], thing["x1"]) if thing["speed"] > 0 else (thing["x1"], thing["x0"])
    return first + (last - first) * (t - thing["t0"]) / max(thing["t1"] - thing["t0"], 1e-9)


def near_event(event, t, x):
    """Whether points lie within the event, grown."""
    if event["kind"] in MOVERS and event["speed"]:
        within = (t > event["t0"] - GROWN_S) & (t < event["t1"] + GROWN_S)
        return within & (np.abs(x - place_at(event, t)) < GROWN_KM + 0.1)
    b = event["mask"][:, None]
    return ((t > b[..., 0] - GROWN_S) & (t < b[..., 1] + GROWN_S) & (x > b[..., 2] - GROWN_KM) & (x < b[..., 3] + GROWN_KM)).any(0)


def points_of_entry(r):
    if r["path"] == "slants" and r["speed"]:
        t = np.arange(r["t0"], r["t1"] + 2.5, 5.0)
        return t, place_at(r, t)
    return np.array([r["peak"][0]]), np.array([r["peak"][1]])


def points_of_event(e):
    if e["kind"] in MOVERS and e["speed"]:
        t = np.arange(e["t0"], e["t1"] + 2.5, 5.0)
        return t, place_at(e, t)
    return e["mask"][:, :2].mean(1), e["mask"][:, 2:].mean(1)


def belong(r, e):
    if r["t1"] < e["t0"] - GROWN_S or r["t0"] > e["t1"] + GROWN_S or r["x1"] < e["x0"] - GROWN_KM or r["x0"] > e["x1"] + GROWN_KM:
        return False
    if near_event(e, *points_of_entry(r)).mean() >= 0.3:
        return True
    t, x = points_of_event(e)
    track = r["path"] == "slants" and r["speed"]
    where = np.abs(x - place_at(r, t)) < GROWN_KM if track else (x > r["x0"] - 0.1) & (x < r["x1"] + 0.1)
    return (where & (t > r["t0"] - 5) & (t < r["t1"] + 5)).mean() >= 0.5


def pair(entries, events):
    """For each entry the numbers of its events."""
    return [[k for k, e in enumerate(events) if belong(r, e)] for r in entries]


def event_figures(truth, entries, days):
    events = truth["events"]
    pairs = pair(entries, events)
    of_event = [[] for _ in events]
    for r, owners in enumerate(pairs):
        for k in owners:
            of_event[k].append(r)
    rows = []
    for e, own in zip(events, of_event):
        row = dict(kind=e["kind"], peak_db=e["peak_db"], entries=len(own), best=max((entries[r]["score"] for r in own), default=-np.inf))
        if own:
            row["shared"] = any(len(pairs[r]) > 1 for r in own)
            row["onset"] = min((entries[r]["t0"] for r in own), key=lambda t: abs(t - e["onset"])) - e["onset"]
            row["first"] = min(entries[r]["t0"] for r in own) - e["onset"]
            top = max(own, key=lambda r: entries[r]["score"])
            row["extent"] = (abs(entries[top]["x0"] - e["x0"]) + abs(entries[top]["x1"] - e["x1"])) / 2
            row["end"] = entries[top]["t1"] - e["t1"]
            if e["speed"] and abs(e["speed"]) > 2:
                clocked = [r for r in own if entries[r]["speed"] is not None]
                v = entries[max(clocked, key=lambda r: entries[r]["score"])]["speed"] if clocked else None
                row["speed"] = None if v is None else v - e["speed"]
                row["sign"] = v is not None and v * e["speed"] > 0
        rows.append(row)
    kinds = [(events[max(o, key=lambda k: events[k]["peak_db"])]["kind"], entries[r]["kind"]) for r, o in enumerate(pairs) if o]
    false = [entries[r]["score"] for r, o in enumerate(pairs) if not o]
    return dict(rows=rows, false=false, days=days, entries=len(entries), kinds=kinds,
                shared=np.mean([len(o) > 1 for o in pairs if o]) if any(pairs) else np.nan)


def agreement(kinds):
    """ARI of the entries' kinds with those of their events, of the named kinds and with both kinds of earthquakes as one."""
    if len({k for _, k in kinds} - {""}) < 2:
        return np.nan, np.nan
    known, given = zip(*kinds)
    return adjusted_rand_score(known, given), adjusted_rand_score([k.split("_")[0] for k in known], given)


# Tables

def table(head, rows):
    text = lambda v: "" if v is None or (isinstance(v, float) and np.isnan(v)) else f"{v:.2f}" if isinstance(v, (float, np.floating)) else str(v)
    print("| " + " | ".join(head) + " |\n| " + " | ".join(["---"] + ["---:"] * (len(head) - 1)) + " |")
    for r in rows:
        print("| " + " | ".join(text(v) for v in r) + " |")
    print()


def share(rows, low, high, bar=-np.inf):
    chosen = [r for r in rows if low <= r["peak_db"] < high]
    return np.mean([r["entries"] > 0 and r["best"] >= bar for r in chosen]) if chosen else np.nan


def print_cells(cells, events, names):
    print(f"### Cells (share found: above what {FALSE_CELLS:.1%} of the quiet ones exceed)\n")
    rows = [[n, c["cells"], c["positive"], c["AP"], c["AUC"], c["found"]] for n, c in zip(names, cells)]
    mean = ["mean", sum(c["cells"] for c in cells)] + [np.nanmean([r[k] for r in rows]) for k in range(2, 6)]
    table(["archive", "cells", "with an event", "AP", "AUC", "found"], rows + ([mean] if len(rows) > 1 else []))
    print("### Share of an event's cells found, by kind and strength\n")
    kinds = sorted({e["kind"] for t in events for e in t["events"]})
    out = []
    for kind in kinds:
        row = [kind]
        for low, high in STRENGTHS:
            hit = [(c["score"][own[:, 0], own[:, 1]] > c["bar"]) for c, t in zip(cells, events) for e, own in zip(t["events"], c["owned"])
                   if e["kind"] == kind and low <= e["peak_db"] < high and len(own)]
            row.append(f"{np.concatenate(hit).mean():.2f} ({len(hit)})" if hit else "")
        out.append(row)
    table(["kind"] + [name(s) + " (events)" for s in STRENGTHS], out)


def median(rows, key, absolute=True):
    v = [abs(r[key]) if absolute else r[key] for r in rows if r.get(key) is not None]
    return float(np.median(v)) if v else np.nan


def print_events(found, names):
    print("### Entries of events.csv\n")
    rows = []
    for n, f in zip(names, found):
        good = [r for r in f["rows"] if r["peak_db"] >= 2 and r["entries"]]
        cars = [r for r in good if r["kind"] == "vehicle"]
        rows.append([n, f["entries"], len(f["false"]) / f["days"], share(f["rows"], 4, 99), share(f["rows"], 2, 4), share(f["rows"], 0, 2),
                     np.mean([r["entries"] == 1 for r in good]) if good else np.nan, f["shared"], median(good, "onset"),
                     np.mean([r["sign"] for r in cars]) if cars else np.nan, median(cars, "speed"), *agreement(f["kinds"])])
    mean = ["mean"] + [float(np.nanmean([r[k] for r in rows])) if any(r[k] == r[k] for r in rows) else np.nan for k in range(1, len(rows[0]))]
    table(["archive", "entries", "false a day", "found >= 4 dB", "2 to 4 dB", "below", "one entry", "shared entries", "onset s",
           "direction right", "speed m/s", "ARI kinds", "ARI, earthquakes one"], rows + ([mean] if len(rows) > 1 else []))

    print("### Events found where so many false entries a day are allowed (all archives; bar on the score)\n")
    days, every = sum(f["days"] for f in found), [r for f in found for r in f["rows"]]
    false = sorted((s for f in found for s in f["false"]), reverse=True)
    out = []
    for allowed in (1, 3, 10, 30):
        n = int(allowed * days)
        bar = false[n] + 1e-9 if n < len(false) else -np.inf
        out.append([allowed, "all" if bar == -np.inf else f"{bar:.2f}"] + [share(every, *s, bar) for s in STRENGTHS])
    table(["false a day", "score from"] + [name(s) for s in STRENGTHS], out)

    print("### By kind (all archives; found: events of 2 dB and more, errors: medians of those)\n")
    out = []
    for kind in sorted({r["kind"] for r in every}):
        own = [r for r in every if r["kind"] == kind]
        good = [r for r in own if r["peak_db"] >= 2 and r["entries"]]
        clocked = [r for r in good if "sign" in r]
        out.append([kind, len(own), share(own, 2, 99), np.mean([r["entries"] == 1 for r in good]) if good else np.nan,
                    np.mean([r["entries"] for r in good]) if good else np.nan, median(good, "onset"), median(good, "first", False), median(good, "end", False),
                    median(good, "extent"), np.mean([r["sign"] for r in clocked]) if clocked else np.nan, median(clocked, "speed")])
    table(["kind", "events", "found", "one entry", "entries", "onset s", "first onset, signed", "end s, signed", "extent km", "direction right", "speed m/s"], out)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("folders", nargs="+", metavar="ARCHIVE OUTPUT")
    p.add_argument("--collar-images", type=float, default=1.0)
    p.add_argument("--collar-km", type=float, default=1.0)
    p.add_argument("--json", metavar="F", help="write the figures of each archive")
    a = p.parse_args()
    if len(a.folders) % 2:
        p.error("folders come in pairs: ARCHIVE OUTPUT")
    names, truths, cells, found = [], [], [], []
    for archive, output in zip(a.folders[::2], a.folders[1::2]):
        truth = read_truth(archive)
        score, t, edges = read_scores(output, truth["start"])
        figures = cell_figures(truth, score, t, edges, a.collar_images, a.collar_km)
        figures["score"] = score
        names.append(os.path.basename(os.path.normpath(archive)))
        truths.append(truth)
        cells.append(figures)
        if os.path.exists(os.path.join(output, "events.csv")):
            found.append(event_figures(truth, read_entries(output, truth["start"]), len(t) * truth.get("duration_s", 60.0) / 86400))
    print_cells(cells, truths, names)
    if len(found) == len(names):
        print_events(found, names)
    if a.json:
        out = [dict(archive=n, **{k: float(c[k]) for k in ("positive", "AP", "AUC", "found", "bar")}) for n, c in zip(names, cells)]
        for o, f in zip(out, found):
            o.update(entries=f["entries"], false_per_day=len(f["false"]) / f["days"], found_4_db=share(f["rows"], 4, 99),
                     found_2_db=share(f["rows"], 2, 4), ari=agreement(f["kinds"])[0])
        json.dump(out, open(a.json, "w"), indent=1)


if __name__ == "__main__":
    main()
