"""Saving and loading tensors, state dicts and checkpoints, without pickle.

Files are in the safetensors layout whatever their suffix, except `.npz`, which NumPy reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_np.core import Value, wrap
from tinygrad_np.devices import check_device
from tinygrad_np.io import (
    flatten,
    read_npz,
    read_safetensors,
    unflatten,
    write_npz,
    write_safetensors,
)

if TYPE_CHECKING:
    import os
    from typing import BinaryIO


def save(
    obj: Any,
    f: str | os.PathLike[str] | BinaryIO,
    pickle_module: object = None,  # noqa: ARG001 - PyTorch's signature, and nothing is pickled
    pickle_protocol: int = 2,  # noqa: ARG001 - likewise
) -> None:
    """Write tensors, and nested dicts, lists and numbers around them, to a file.

    A flat state dict becomes a plain safetensors file that any tool reads. The file is written
    beside its final place and renamed, so that a failure leaves the old one as it was. Nothing
    is pickled: `pickle_module` and `pickle_protocol` change nothing.

    Raises
    ------
    TypeError
        If `obj` holds anything else, such as a module; the message gives its place in `obj`.
    ValueError
        If an `.npz` file is asked for, and `obj` is not a flat dict of tensors.

    >>> import tempfile, pathlib
    >>> import tinygrad_np as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "state.safetensors")
    ...     tg.save({"weight": tg.ones(2)}, path)
    ...     tg.load(path)
    {'weight': tensor([1., 1.])}
    """
    arrays, metadata = flatten(
        obj, is_array=lambda x: isinstance(x, Value), to_array=lambda x: x.array
    )
    if not _is_npz(f):
        write_safetensors(f, arrays, metadata)
    elif metadata:
        raise ValueError(
            f"save: {f} can hold a flat dict of tensors only, and this object is nested; use the "
            "suffix .safetensors, or save the state dict alone"
        )
    else:
        write_npz(f, arrays)


def load(
    f: str | os.PathLike[str] | BinaryIO,
    map_location: object = None,
    pickle_module: object = None,  # noqa: ARG001 - PyTorch's signature, and nothing is pickled
    *,
    weights_only: bool | None = None,  # noqa: ARG001 - likewise
    mmap: bool | None = None,  # noqa: ARG001 - likewise: how a file is read is no matter here
) -> Any:
    """Read what `save` wrote, or any safetensors or npz file. Nothing in a file is executed.

    `map_location` may say where tensors go in each way that PyTorch takes, as long as that is the
    CPU; a function is not asked. The other options change nothing: every file is read as with
    `weights_only`.

    Raises
    ------
    RuntimeError
        If `map_location` is another device than the CPU.
    TypeError
        If it is none of a string, a device, a dict of them, and a function.
    ValueError
        If the file is damaged, or of another kind; the message says of which, where it can tell.
    """
    places = list(map_location.values()) if isinstance(map_location, dict) else [map_location]
    for place in places:
        if not callable(place):
            check_device(place)
    arrays, metadata = (read_npz(f), {}) if _is_npz(f) else read_safetensors(f)
    return unflatten(arrays, metadata, from_array=wrap, source=str(f))


def _is_npz(f: Any) -> bool:
    return not hasattr(f, "read") and not hasattr(f, "write") and str(f).endswith(".npz")
