#!/usr/bin/env python3
"""What `scatterfall init` finds in the pictures of make_pictures.py: a table, right or wrong.

    python3 check_init.py SCATTERFALL PICTURES [KIND ...]

A rectangle is right where every edge is within 3 pixels (JPEG and scaling blur that much), or a quarter of a per cent of the picture's size, of the axes' own
extent (whose edges lie between pixels). "asked" is a doubtful finding, which init leaves to be filled in and `run` refuses.
Exits with 1 where a wrong finding is not doubtful. Needs nothing but Python 3.11.
"""
import json
import os
import subprocess
import sys
import tempfile
import tomllib


def found(program, folder):
    with tempfile.TemporaryDirectory() as scratch:
        target = os.path.join(scratch, "my.toml")
        done = subprocess.run([program, "init", folder, "--output", target, "--km", "20", "--db", "-113", "-35"],
                              capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip()
        text = open(target, "rb").read()
        return tomllib.loads(text.decode()), done.stdout


def verdict(right, doubtful):
    return ("right" if right else "wrong") + (", asked" if doubtful else "")


def main():
    program, pictures = sys.argv[1:3]
    truth = json.load(open(os.path.join(pictures, "truth.json")))
    wanted = sys.argv[3:] or list(truth)
    counts, silent = {"rectangle": 0, "map": 0, "axis": 0}, []
    for kind in wanted:
        want = truth[kind]
        config, said = found(program, os.path.join(pictures, kind))
        if config is None:
            print(f"{kind:28s} refused: {said}")
            continue
        crop, value = config["crop"], config["value"]
        lines = said.splitlines()
        plot = next(line for line in lines if line.startswith("plot "))
        numbers = [int("".join(c for c in word if c.isdigit())) for word in plot.split("(")[0].split() if any(c.isdigit() for c in word)]
        size = [int(n) for n in plot.split(" of ")[1].split(" pixels")[0].split(" x ")]
        slack = [max(3.0, 0.0025 * n) for n in (size[1], size[1], size[0], size[0])]
        rect = all(abs(a - b) <= s for a, b, s in zip(numbers, want["rect"], slack))
        colours = value["colormap"]
        name = want["map"] + ("_r" if want["reversed"] else "")
        own = colours.endswith(".txt")
        # Folded values are the same either way round; an unknown map is right as the picture's own.
        mapped = colours == name or (want["signed"] and colours.removesuffix("_r") == want["map"]) or own
        fold = value.get("fold", False) == want["signed"]
        axis = next(line for line in lines if line.startswith("time ")).split()[2]
        doubt = [line.split()[1].rstrip(":") for line in lines if line.startswith("doubtful")]
        cells = [("rectangle", rect, "crop" in doubt), ("map", mapped and fold, "value.colormap" in doubt or "value.fold" in doubt),
                 ("axis", axis == want["axis"], "crop.time_axis" in doubt)]
        for what, right, doubtful in cells:
            counts[what] += right
            if not right and not doubtful:
                silent.append(f"{kind}: {what}")
        print(f"{kind:28s} " + "  ".join(f"{what} {verdict(right, doubtful):13s}" for what, right, doubtful in cells)
              + f"  {numbers} {'own bar' if own else colours} {axis}")
    print(f"{len(wanted)} kinds: " + ", ".join(f"{what} right in {n}" for what, n in counts.items()))
    print("silently wrong: " + (", ".join(silent) or "none"))
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
