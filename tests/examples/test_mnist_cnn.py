"""The convolutional example as a user runs it; what it shares with the MLP is tested there."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_np as tg

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "examples" / "mnist_cnn.py")]

pytestmark = pytest.mark.slow


def run(data: Path, output: Path, *more: str) -> dict[str, object]:
    command = [*COMMAND, "--data", str(data), "--output", str(output), "--quiet", *more]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    metrics: dict[str, object] = json.loads((output / "metrics.json").read_text())
    return metrics


def test_lenet_learns_and_shows_what_it_learned(data: Path, tmp_path: Path) -> None:
    metrics = run(data, tmp_path / "a", "--epochs", "4")
    assert metrics["parameters"] == 61706
    assert float(str(metrics["test_accuracy"])) > 0.6
    weights = tmp_path / "a" / "weights.safetensors"
    assert tg.load(weights)["0.weight"].shape == (6, 1, 5, 5)
    again = run(data, tmp_path / "b", "--load", str(weights))
    assert again["logits_sha256"] == metrics["logits_sha256"]
    if importlib.util.find_spec("matplotlib"):
        shown = {path.stem for path in (tmp_path / "a").glob("*.png")}
        assert shown >= {"filters", "maps1", "maps2", "curves", "confusion"}


def test_augmented_digits_train_the_same_network_to_other_weights(
    data: Path, tmp_path: Path
) -> None:
    plain = run(data, tmp_path / "plain", "--epochs", "1")
    first, second = (run(data, tmp_path / n, "--epochs", "1", "--augment") for n in ("a", "b"))
    assert first["logits_sha256"] == second["logits_sha256"] != plain["logits_sha256"]


def test_the_larger_network_runs(data: Path, tmp_path: Path) -> None:
    metrics = run(data, tmp_path, "--model", "cnn", "--epochs", "1")
    assert metrics["parameters"] == 1199882
