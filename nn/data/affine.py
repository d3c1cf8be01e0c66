"""Random rotation, shift, scaling and shear of images, a whole batch at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_np as tg
from tinygrad_np.ops.checks import check_number
from tinygrad_np.tensor.generator import stream_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, Any]


class RandomAffine:
    """Turn, shift, scale and shear each image by amounts drawn for it; the centre is the pivot.

    Images are bytes or floats `(H, W)`, or tensors `(C, H, W)`; the result is of the same kind.
    The same seed gives the same images, one by one or in batches.

    Parameters
    ----------
    degrees
        Range of angles, clockwise: `(low, high)`, or a number d for (−d, d).
    translate
        Largest shifts, as shares of the width and of the height.
    scale
        Range of factors, drawn uniformly.
    shear
        Range of shear angles along x, in degrees: a number or a pair; four numbers also shear
        along y.
    interpolation
        'nearest', or 'bilinear', which is smoother and keeps shifts of parts of a pixel.
    fill
        What comes in from outside.

    Raises
    ------
    ValueError
        If a range is empty or out of bounds, or the interpolation is unknown.

    >>> image = np.zeros((5, 5), np.uint8)
    >>> image[2, :] = 255
    >>> RandomAffine((90, 90))(image)[:, 2]
    array([255, 255, 255, 255, 255], dtype=uint8)
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: str = "nearest",
        fill: float = 0,
    ) -> None:
        self.degrees = _range("degrees", degrees)
        self.translate = None if translate is None else _numbers("translate", translate)
        self.scale = None if scale is None else _numbers("scale", scale)
        self.shear = None if shear is None else _range("shear", shear, (2, 4))
        if self.translate is not None and (
            len(self.translate) != 2 or not all(0 <= share <= 1 for share in self.translate)
        ):
            raise ValueError(
                f"RandomAffine: translate must be two shares in [0, 1], of the width and of the "
                f"height, not {translate}"
            )
        if self.scale is not None and (
            len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1]
        ):
            raise ValueError(
                f"RandomAffine: scale must be two positive factors, low and high, not {scale}"
            )
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                f"RandomAffine: interpolation must be 'nearest' or 'bilinear', not "
                f"{interpolation!r}"
            )
        self.interpolation, self.fill = interpolation, fill

    def __call__(self, image: Any) -> Any:
        """Transform one image."""
        return self.batch(image[None])[0]

    def batch(self, images: Any) -> Any:
        """Transform `(N, H, W)` or `(N, C, H, W)`."""
        array = images.numpy() if isinstance(images, tg.Tensor) else np.asarray(images)
        if array.ndim not in (3, 4):
            raise tg.ShapeError(
                f"RandomAffine: an image needs shape (H, W) or (C, H, W), and has {array.shape[1:]}"
            )
        n, (height, width) = len(array), array.shape[-2:]
        inverse, shift = self._draw(n, height, width)
        rows, columns = _sources(inverse, shift, height, width)
        check_number("RandomAffine", "fill", self.fill, array.dtype)
        planes = array.reshape(n, math.prod(array.shape[1:-2]), height, width)
        look = _nearest if self.interpolation == "nearest" else _bilinear
        found = look(planes, rows, columns, self.fill).reshape(array.shape)
        return tg.from_numpy(found) if isinstance(images, tg.Tensor) else found

    def _draw(self, n: int, height: int, width: int) -> tuple[Array, Array]:
        """For each image, the inverse of its matrix `(n, 2, 2)`, and its shift (x, y) `(n, 2)`."""
        across, down = self.translate or (0, 0)
        turns = self.shear or (0, 0)
        ranges = [
            self.degrees,
            (-across * width, across * width),
            (-down * height, down * height),
            self.scale or (1, 1),
            turns[:2],
            turns[2:] or (0, 0),
        ]
        low, high = np.array(ranges).T
        u = stream_of(None).uniform(n * len(ranges), np.dtype(np.float64)).reshape(n, len(ranges))
        angle, dx, dy, factor, shear_x, shear_y = (low + u * (high - low)).T
        a, sx, sy = np.radians(angle), np.tan(np.radians(shear_x)), np.tan(np.radians(shear_y))
        turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        slant = np.array([[np.ones(n), sx], [sy, 1 + sx * sy]])
        matrix = np.einsum("ijn,jkn->nik", turn, slant) * factor[:, None, None]
        return np.linalg.inv(matrix), np.stack([dx, dy], axis=1)

    def __repr__(self) -> str:
        given = {
            "degrees": self.degrees,
            "translate": self.translate,
            "scale": self.scale,
            "shear": self.shear,
            "interpolation": None if self.interpolation == "nearest" else self.interpolation,
            "fill": self.fill or None,
        }
        shown = [f"{name}={value}" for name, value in given.items() if value is not None]
        return f"RandomAffine({', '.join(shown)})"


def _range(name: str, given: Any, lengths: tuple[int, ...] = (2,)) -> tuple[float, ...]:
    """Read a number d as (−d, d), and check what is given as a range."""
    if isinstance(given, (int, float, np.integer, np.floating)):
        if not given >= 0:
            raise ValueError(f"RandomAffine: one number of {name} must not be negative: {given}")
        return (-float(given), float(given))
    values = _numbers(name, given)
    if len(values) not in lengths or not all(
        low <= high for low, high in zip(values[::2], values[1::2], strict=True)
    ):
        raise ValueError(f"RandomAffine: {name} must be a number or low and high, not {given}")
    return values


def _numbers(name: str, given: Any) -> tuple[float, ...]:
    try:
        return tuple(map(float, given))
    except (TypeError, ValueError):
        raise TypeError(f"RandomAffine: {name} must be numbers in a tuple, not {given!r}") from None


def _sources(inverse: Array, shift: Array, height: int, width: int) -> tuple[Array, Array]:
    """Where each place of each result is read: rows and columns `(n, height, width)`, float32."""
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = middle - np.einsum("nij,nj->ni", inverse, middle + shift)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    m, t = inverse.astype(np.float32)[..., None, None], offset.astype(np.float32)[..., None, None]
    columns: Array = m[:, 0, 0] * x + (m[:, 0, 1] * y + t[:, 0])
    rows: Array = m[:, 1, 0] * x + (m[:, 1, 1] * y + t[:, 1])
    return rows, columns


def _framed(planes: Array, fill: float) -> Array:
    """The planes within one ring of `fill`, each flattened: whatever lies beyond is on the ring."""
    n, c, height, width = planes.shape
    framed = np.full((n, c, height + 2, width + 2), fill, planes.dtype)
    framed[:, :, 1:-1, 1:-1] = planes
    return framed.reshape(n, c, (height + 2) * (width + 2))


def _gather(framed: Array, places: Array) -> Array:
    """`(n, c, places)` at `(n, height, width)` flat places."""
    n, c, size = framed.shape
    if c == 1:  # one take from one long row is twice as fast as take_along_axis
        places = places + np.arange(n)[:, None, None] * size
        return framed.reshape(-1).take(places)[:, None]
    flat = places.reshape(n, 1, -1)
    return np.take_along_axis(framed, flat, 2).reshape(n, c, *places.shape[1:])


def _nearest(planes: Array, rows: Array, columns: Array, fill: float) -> Array:
    _, _, height, width = planes.shape
    r = np.rint(rows.clip(-1, height)).astype(np.intp) + 1
    c = np.rint(columns.clip(-1, width)).astype(np.intp) + 1
    return _gather(_framed(planes, fill), r * (width + 2) + c)


def _bilinear(planes: Array, rows: Array, columns: Array, fill: float) -> Array:
    _, _, height, width = planes.shape
    rows, columns = rows.clip(-1, height) + 1, columns.clip(-1, width) + 1
    # The last pair of rows is (height, height + 1).
    top, left = np.minimum(np.floor(rows), height), np.minimum(np.floor(columns), width)
    down, right = (rows - top)[:, None], (columns - left)[:, None]
    place = top.astype(np.intp) * (width + 2) + left.astype(np.intp)
    whole = planes.dtype.kind != "f"
    # float32 holds every whole number of up to 16 bits, float64 of up to 32.
    exact = np.float32 if planes.itemsize <= 2 else np.float64
    framed = _framed(planes.astype(exact) if whole else planes, fill)
    mix = _mix if whole or np.isfinite(framed).all() else _mix_odd
    above = mix(_gather(framed, place), _gather(framed, place + 1), right)
    place += width + 2
    below = mix(_gather(framed, place), _gather(framed, place + 1), right)
    result = mix(above, below, down)
    return (np.rint(result) if whole else result).astype(planes.dtype, copy=False)


def _mix(a: Array, b: Array, share: Array) -> Array:
    """`a + share·(b − a)`."""
    b -= a
    b *= share
    b += a
    return b


def _mix_odd(a: Array, b: Array, share: Array) -> Array:
    """`_mix` where some are infinite or NaN: what has no share must not spoil the other."""
    with np.errstate(invalid="ignore"):
        mixed = (1 - share) * a + share * b
    return np.where(share == 0, a, np.where(share == 1, b, mixed)).astype(a.dtype, copy=False)
