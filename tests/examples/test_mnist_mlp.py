"""The example as a user runs it: a command line, a small dataset in MNIST's format, files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tinygrad_np as tg

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
COMMAND = [sys.executable, str(ROOT / "examples" / "mnist_mlp.py")]

pytestmark = pytest.mark.slow


def options(data: Path, output: Path, *more: str) -> list[str]:
    return [*COMMAND, "--data", str(data), "--output", str(output), "--hidden", "64", *more]


def run(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_trains_reports_and_its_weights_give_the_same_logits(data: Path, tmp_path: Path) -> None:
    weights, picture = tmp_path / "w.safetensors", tmp_path / "loss.dot"
    more = ("--epochs", "4", "--save", str(weights), "--graph", str(picture))
    shown = run(*options(data, tmp_path / "a", *more))
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["test_accuracy"] > 0.6
    assert np.sum(metrics["confusion"]) == 500
    assert metrics["epochs"] == 4
    assert "epoch  4" in shown
    assert "digit (row) taken for (column)" in shown
    assert "CrossEntropy" in picture.read_text()
    assert set(tg.load(weights)) == {
        f"{i}.{kind}" for i in (1, 4, 7) for kind in ("weight", "bias")
    }

    run(*options(data, tmp_path / "b", "--load", str(weights), "--quiet"))
    again = json.loads((tmp_path / "b" / "metrics.json").read_text())
    assert again["epochs"] == 0
    assert again["logits_sha256"] == metrics["logits_sha256"]


def test_the_same_seed_gives_the_same_model(data: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(*options(data, tmp_path / name, "--epochs", "1", "--optimizer", "sgd", "--quiet"))
    a, b = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("a", "b"))
    assert a["logits_sha256"] == b["logits_sha256"]


@pytest.fixture
def running(data: Path, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        options(data, tmp_path, "--epochs", "10000"),
        text=True,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_an_interrupt_keeps_the_best_weights_so_far(
    running: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    assert running.stdout is not None
    running.stdout.readline()  # the first epoch is done
    time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["interrupted"] is True
    assert 1 <= metrics["epochs"] < 10000
    assert (tmp_path / "weights.safetensors").is_file()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--load", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--epochs", "-1"], "--epochs"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    data: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    done = subprocess.run(
        options(data, tmp_path, *more), capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert done.returncode != 0
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
