"""Handwritten digits without a download: drawn by a program, in the format of MNIST.

Each image starts as a handwriting of `strokes.py`. Its control points are shaken, the curve
through them is warped, stretched, slanted and turned, fitted into a box and centred as MNIST
does it, and drawn with a pen of random width.
"""

from __future__ import annotations

import contextlib
import operator
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nn.data.datasets.strokes import handwritings

if TYPE_CHECKING:
    from nn.data.datasets.strokes import Floats, Handwritings

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

VERSION = 1  # raise it when the images change: caches of another version are not read

_SIDE = 28  # pixels of an image's side
_BOX = 20.5  # pixels of the box that the ink is fitted into; MNIST's 20 and its soft edge
_SAMPLES = 96  # samples of a curve, at most about a pixel apart
_CHUNK = 500  # images drawn at once: bounds memory, and is part of what a seed means


def synthetic_digits(n: int, seed: int = 0) -> tuple[Images, Labels]:
    """Draw `n` handwritten digits, as many of each class as `n` allows, in random order.

    The same `n` and `seed` make the same random choices everywhere; a pixel may differ by one
    grey level between machines whose `exp` rounds differently.

    Parameters
    ----------
    n : int
        Number of images, 0 or more.
    seed : int
        Which digits, 0 or more: another seed draws others.

    Returns
    -------
    images : uint8, shape (n, 28, 28)
        White (255) on black (0), centred by mass, give or take a pixel or two.
    labels : int64, shape (n,)
        The digits, 0 to 9.

    Raises
    ------
    TypeError
        If `n` or `seed` is no integer.
    ValueError
        If `n` or `seed` is negative.

    Examples
    --------
    >>> images, labels = synthetic_digits(20, seed=1)
    >>> images.shape, np.bincount(labels).tolist()
    ((20, 28, 28), [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    n, seed = _natural("n", n), _natural("seed", seed)
    table = handwritings(_SAMPLES)
    labels = np.arange(n, dtype=np.int64) % 10
    _generator(seed, 0).shuffle(labels)
    images = np.empty((n, _SIDE, _SIDE), np.uint8)
    for start in range(0, n, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        images[chunk] = _draw(labels[chunk], table, _generator(seed, 1 + start // _CHUNK))
    return images, labels


def cached_synthetic_digits(n: int, seed: int, folder: str | Path) -> tuple[Images, Labels]:
    """Return `synthetic_digits(n, seed)`, kept in a file of `folder` for the next time.

    A file that cannot be read is drawn again; a folder that cannot be written is left alone.
    """
    n, seed = _natural("n", n), _natural("seed", seed)
    path = Path(folder) / f"synthetic_digits_v{VERSION}_n{n}_seed{seed}.npz"
    stored = _load(path, n)
    if stored is not None:
        return stored
    images, labels = synthetic_digits(n, seed)
    _store(path, images, labels)
    return images, labels


def _natural(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {type(value).__name__}") from None
    if number < 0:
        raise ValueError(f"{name} must be 0 or more, got {number}")
    return number


def _generator(seed: int, stream: int) -> np.random.Generator:
    # named, because the default generator may change with NumPy; one stream per chunk
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, stream))))


# --- drawing: labels (n,) -> curves (n, K, 2) of x, y -> images (n, 28, 28) ---


def _draw(labels: Labels, table: Handwritings, rng: np.random.Generator) -> Images:
    hand = _choose(labels, table, rng)
    curve = _deform(_write(hand, table, rng), rng)
    radius = 1.28 * np.exp(0.27 * _normal(rng, len(hand), 1, 1)).clip(0.5, 2.3)  # pixels
    down = table.down[hand]
    return _ink(_place(curve, radius, down, rng), radius, down, rng)


def _choose(labels: Labels, table: Handwritings, rng: np.random.Generator) -> Labels:
    """Return one handwriting (n,) for each label."""
    hand = np.empty_like(labels)
    for digit in range(10):
        mine, own = labels == digit, np.flatnonzero(table.digit == digit)
        hand[mine] = rng.choice(own, np.count_nonzero(mine), p=table.share[own])
    return hand


def _write(hand: Labels, table: Handwritings, rng: np.random.Generator) -> Floats:
    """Return curves, about 1 tall, through control points that are shaken."""
    points = table.points[hand]
    n, p, _ = points.shape
    shake = _normal(rng, n, p + 1, 2)
    shake = shake[:, 1:] + shake[:, :-1]  # neighbours on the path move alike
    sloppy = _uniform(rng, 0.02, 0.045, n, 1, 1)
    return table.basis[hand] @ (points + sloppy * shake)


def _deform(curve: Floats, rng: np.random.Generator) -> Floats:
    n = len(curve)
    for _ in range(3):  # an elastic sheet: long waves of random direction
        phase = curve @ (4 * _normal(rng, n, 2, 1)) + _uniform(rng, 0, 2 * np.pi, n, 1, 1)
        curve = curve + np.sin(phase) * (0.06 * _normal(rng, n, 1, 2))
    width = np.exp(0.18 + 0.22 * _normal(rng, n, 1))
    slant = 0.15 + 0.26 * _normal(rng, n, 1)  # most people lean to the right
    angle = 0.12 * _normal(rng, n, 1)
    x, y = curve[:, :, 0] * width, curve[:, :, 1]
    x = x - slant * y
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=2)


def _place(curve: Floats, radius: Floats, down: Floats, rng: np.random.Generator) -> Floats:
    """Scale curves to pixels, into the box, and centre them by mass."""
    extent = np.ptp(curve, axis=1, keepdims=True).max(axis=2, keepdims=True)
    curve = curve * ((_BOX - 2 * radius) / extent * _uniform(rng, 0.98, 1, len(curve), 1, 1))
    weight = _weights(curve, down)
    centre = (weight * curve).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    # MNIST's centre is pixel 14; up to a pixel beside it makes learners less brittle
    curve += 14 + _uniform(rng, -1, 1, len(curve), 1, 2) - centre
    return curve


def _weights(curve: Floats, down: Floats) -> Floats:
    """Return the ink (n, K, 1) of each sample: half of the drawn steps before and after it."""
    half = np.linalg.norm(np.diff(curve, axis=1), axis=2, keepdims=True) * down[:, :, None] / 2
    weight = np.zeros_like(curve[:, :, :1])
    weight[:, 1:] += half
    weight[:, :-1] += half
    return weight


def _ink(curve: Floats, radius: Floats, down: Floats, rng: np.random.Generator) -> Images:
    """Draw the curves by the distance d of each pixel to the nearest point of the curve.

    A curve summed up through narrow bells tells that distance: sum exp(-d² / 2s²) is ruled by
    its nearest samples. And a bell in two dimensions is a bell in x times a bell in y, so the
    sum over the samples is a matrix product, much cheaper than all distances.
    """
    s = np.float32(
        0.65
    )  # pixels: a thin pen's radius; narrower, and the samples would show as beads
    pixel = np.arange(_SIDE, dtype=np.float32)
    # far from the curve exp(-40) is as good as 0, and its square is still a normal float32
    bell = np.exp(np.maximum((curve[..., None] - pixel) ** 2 / (-2 * s * s), -40))  # (n, K, 2, 28)
    weight = _weights(curve, down) / (s * np.sqrt(2 * np.pi, dtype=np.float32))
    near = np.swapaxes(bell[:, :, 1], 1, 2) @ (weight * bell[:, :, 0])  # (n, y, x)
    distance = s * np.sqrt(np.maximum(-2 * np.log(np.maximum(near, 1e-37)), 0))

    n = len(curve)
    distance += 0.08 * _normal(rng, *distance.shape)  # rough paper
    blur = _uniform(rng, 0.8, 1.2, n, 1, 1)  # pixels from white to black
    white = _uniform(rng, 230, 255, n, 1, 1)
    grey: Floats = white * ((radius - distance) / blur + 0.5).clip(0, 1)
    return (grey + 0.5).astype(np.uint8)  # rounded


def _normal(rng: np.random.Generator, *shape: int) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)


def _uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Floats:
    return low + (high - low) * rng.random(shape, dtype=np.float32)


# --- cache ---


def _load(path: Path, n: int) -> tuple[Images, Labels] | None:
    try:
        # opened here, because np.load leaves a damaged archive open
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except Exception:  # noqa: BLE001 - missing or damaged in whatever way: it is drawn again
        return None
    if images.shape != (n, _SIDE, _SIDE) or images.dtype != np.uint8:
        return None
    if labels.shape != (n,) or labels.dtype != np.int64:
        return None
    return images, labels


def _store(path: Path, images: Images, labels: Labels) -> None:
    # written beside and renamed: a reader sees the whole file or none
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                np.savez_compressed(file, images=images, labels=labels)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
