"""The engine in 100 lines runs, checks itself, and is as short as it says."""

import subprocess
import sys
from pathlib import Path

from count_code import lines_of_code

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "engine_in_100_lines.py"


def test_the_miniature_runs_and_names_files_that_exist() -> None:
    done = subprocess.run([sys.executable, str(PAGE)], capture_output=True, text=True, check=True)
    assert "second derivative" in done.stdout
    named = [word.strip(";,") for word in PAGE.read_text("utf-8").split() if "tinygrad_np/" in word]
    assert len(named) >= 4
    for name in named:
        assert (ROOT / name).exists(), name


def test_the_miniature_is_as_short_as_its_name_says() -> None:
    assert lines_of_code(PAGE) <= 100
