"""Devices: there is one, the CPU; others can be named, and nothing can be moved there."""

from __future__ import annotations

from typing import Any, Self

# PyTorch's; each can be named, so that a script may compare and print it.
_TYPES = (
    *("cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga"),
    *("maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
)


class device:
    """Where numbers lie: a type, `'cpu'` for all tensors here, and an index or None.

    As a context manager it says where tensors are made, and so refuses all but the CPU.

    Raises
    ------
    RuntimeError
        If PyTorch has no such device either.

    >>> device("cpu"), device("cuda:1").index
    (device(type='cpu'), 1)
    """

    __slots__ = ("_index", "_type")

    def __init__(self, type: str | device, index: int | None = None) -> None:
        given = str(type) if isinstance(type, device) else type
        if isinstance(given, int):
            raise RuntimeError(  # noqa: TRY004 - an int is right where there is an accelerator
                f"device: {given} would be an accelerator, and there is none"
            )
        if not isinstance(given, str):
            raise TypeError(f"device: expected a string such as 'cpu', or a device, not {given!r}")
        kind, colon, number = given.partition(":")
        if kind not in _TYPES:
            raise RuntimeError(f"device: {type!r} does not start with one of {', '.join(_TYPES)}")
        if colon:
            if index is not None:
                raise RuntimeError(f"device: {type!r} holds an index, and index={index} is another")
            if not number.isdecimal() or str(int(number)) != number:
                raise RuntimeError(f"device: {type!r} does not end with an index, such as 'cuda:0'")
            index = int(number)
        self._type: str = kind
        self._index: int | None = index

    @property
    def type(self) -> str:
        """Kind of the device: `'cpu'`, `'cuda'`..."""
        return self._type

    @property
    def index(self) -> int | None:
        """Number among its kind, or None."""
        return self._index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return (self._type, self._index) == (other._type, other._index)

    def __hash__(self) -> int:
        return hash((self._type, self._index))

    def __repr__(self) -> str:
        index = "" if self._index is None else f", index={self._index}"
        return f"device(type={self._type!r}{index})"

    def __str__(self) -> str:
        return self._type if self._index is None else f"{self._type}:{self._index}"

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self._type, self._index)

    def __enter__(self) -> Self:
        check_device(self)
        return self

    def __exit__(self, *_: object) -> None:
        pass


CPU = device("cpu")


def check_device(given: Any) -> None:
    """Accept None and the CPU; there is no other device."""
    if given is None or given is CPU or given == "cpu":
        return
    wanted = device(given)
    if wanted.type != "cpu":
        raise no_accelerator(wanted)


def no_accelerator(wanted: object) -> RuntimeError:
    """Say that nothing can be made on, or moved to, this device."""
    return RuntimeError(
        f"device {wanted} is not available: tinygrad_np computes on 'cpu' alone; choose with "
        "'cuda' if cuda.is_available() else 'cpu'"
    )
