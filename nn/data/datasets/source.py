"""What a dataset of MNIST's format consists of, and where it can be had: one record each.

A relative of MNIST (same files, other pictures) is one more `Source`, and nothing else.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class IdxFile(NamedTuple):
    """One file as published: its name without ``.gz``, its array's shape, its checksum."""

    name: str
    shape: tuple[int, ...]
    sha256: str  # of the decompressed file

    @property
    def nbytes(self) -> int:
        """Bytes of the decompressed file: header and elements."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


class Split(NamedTuple):
    """One half of a dataset, training or test."""

    images: IdxFile
    labels: IdxFile
    tables: tuple[str, ...] = ()  # names under which it circulates as CSV


class Source(NamedTuple):
    """A dataset in MNIST's format.

    Relatives use the same four file names, so only MNIST itself is looked for in the given folder
    itself (``""`` in `folders`); the others need a sub-folder of their own.
    """

    name: str
    train: Split
    test: Split
    mirrors: tuple[str, ...]  # the file's name is appended; tried in this order
    folder: str  # sub-folder for downloads
    folders: tuple[str, ...]  # sub-folders to look into; "" is the folder itself
    archive: str | None = None  # name of the Keras archive with both splits
    classes: int = 10


MNIST = Source(
    name="MNIST",
    train=Split(
        images=IdxFile(
            "train-images-idx3-ubyte",
            (60_000, 28, 28),
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        labels=IdxFile(
            "train-labels-idx1-ubyte",
            (60_000,),
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        tables=("mnist_train.csv", "train.csv"),
    ),
    test=Split(
        images=IdxFile(
            "t10k-images-idx3-ubyte",
            (10_000, 28, 28),
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        labels=IdxFile(
            "t10k-labels-idx1-ubyte",
            (10_000,),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        tables=("mnist_test.csv",),  # Kaggle's test.csv has no labels
    ),
    mirrors=(  # yann.lecun.com, the origin, has refused downloads (403) since 2024
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://sagemaker-sample-files.s3.amazonaws.com/datasets/image/MNIST/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    folder="mnist",
    folders=("", "mnist", "MNIST/raw"),
    archive="mnist.npz",
)
