"""A small dataset in MNIST's format, for all examples."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from nn.data.datasets.idx import idx_header
from nn.data.datasets.synthetic import synthetic_digits


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mnist")
    for name, n, seed in (("train", 3000, 0), ("t10k", 500, 1)):
        for kind, array in zip(("images", "labels"), synthetic_digits(n, seed), strict=True):
            path = folder / f"{name}-{kind}-idx{array.ndim}-ubyte.gz"
            with gzip.open(path, "wb") as file:
                file.write(idx_header(array.shape) + array.astype(np.uint8).tobytes())
    return folder
