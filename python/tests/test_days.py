"""One archive by the program alone, by tasks in shell, and by Dask: the same bytes."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scatterfall import command, days

PROGRAM = [sys.executable, "-m", "scatterfall"]
SAME = ("features/*.npz", "scattering_coefficients/*.npz", "pca_ica/*.npz", "clustering_results/*", "anomalies.csv", "events.csv")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    command("synth", output=folder, images=40, small=True)
    config = folder / "config.toml"
    # A name's day is moved on, so that there are several days.
    images = sorted(folder.rglob("*.png"))
    for number, image in enumerate(images):
        parts = image.stem.split("_")
        day = str(int(parts[-2]) + number // 10)
        image.rename(image.with_name("_".join([*parts[:-2], day, parts[-1]]) + ".png"))
    return config, images[0].parent


@pytest.fixture(scope="module")
def alone(archive, tmp_path_factory):
    config, images = archive
    out = tmp_path_factory.mktemp("alone")
    command("run", config=config, input=images, output=out, backend="cpu")
    return contents(out)


def contents(out: Path) -> dict[str, str]:
    files = [file for pattern in SAME for file in out.glob(pattern)]
    return {str(f.relative_to(out)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_tasks_in_shell(archive, alone, tmp_path):
    config, images = archive
    common = ["--config", config, "--input", images, "--output", tmp_path, "--no-progress", "--threads", "1"]
    subprocess.run([*PROGRAM, "catalogue", *common], check=True)
    run = lambda k: subprocess.Popen([*PROGRAM, "day", "--shard", f"{k}/3", "--backend", "cpu", *common])
    # The first share three times at once.
    assert [task.wait() for task in [run(1), run(2), run(3), run(1), run(1)]] == [0] * 5
    assert not list(tmp_path.rglob("*.partial")), "nothing half-written is left"
    subprocess.run([*PROGRAM, "merge", *common, "--backend", "cpu"], check=True)
    assert contents(tmp_path) == alone and len(alone) > 10


def test_killed_tasks(archive, alone, tmp_path):
    config, images = archive
    common = ["--config", config, "--input", images, "--output", tmp_path, "--no-progress", "--threads", "1"]
    line = [*PROGRAM, "day", "--backend", "cpu", *common]
    for k in range(6):
        task = subprocess.Popen(line)
        time.sleep(0.15 + 0.1 * k)
        os.kill(task.pid, signal.SIGKILL)
        task.wait()
    subprocess.run(line, check=True)
    command("merge", config=config, input=images, output=tmp_path, backend="cpu")
    assert contents(tmp_path) == alone
    assert not list(tmp_path.rglob("*.partial")), "what killed tasks left is cleared away"


def test_dask(archive, alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    from scatterfall import dask

    config, images = archive
    task = days.Archive(output=str(tmp_path), input=str(images), config=str(config))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            dask.run(task, client, backend="cpu")
    assert contents(tmp_path) == alone
    assert len(days.days(task)) == 4
    with pytest.raises(ValueError):
        days.process_day(task, "19700101")


def test_negative_control(archive, alone, tmp_path):
    config, images = archive
    command("run", config=config, input=images, output=tmp_path, backend="cpu", settings={"features.window": 5})
    assert contents(tmp_path) != alone
