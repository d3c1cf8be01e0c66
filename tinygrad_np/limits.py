"""What a dtype can hold: `finfo` and `iinfo`."""

from __future__ import annotations

import numpy as np

from tinygrad_np.dtypes import DtypeLike, as_dtype, get_default_dtype


class finfo:
    """Limits of a floating dtype, by default those of the default one.

    `eps` is the step from 1 to the next number, `tiny` the smallest number of full precision.

    >>> finfo(np.float32).eps == 2**-23
    True
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: DtypeLike | None = None) -> None:
        given = get_default_dtype() if type is None else as_dtype(type)
        if given.kind != "f":
            raise TypeError(f"finfo: {given} is no floating dtype; see iinfo")
        limits = np.finfo(given)
        self.bits: int = limits.bits
        self.dtype = given.name
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.resolution = float(str(limits.resolution))  # a power of ten, to the last digit
        self.smallest_normal = self.tiny = float(limits.tiny)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype.

    >>> iinfo(np.uint8)
    iinfo(min=0, max=255, dtype=uint8)
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: DtypeLike) -> None:
        given = as_dtype(type)
        if given.kind not in "iu":
            raise TypeError(f"iinfo: {given} is no integer dtype; see finfo")
        limits = np.iinfo(given)
        self.bits: int = limits.bits
        self.dtype = given.name
        self.max, self.min = int(limits.max), int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
