"""Arrays and plain Python objects in files, without pickle.

Two floors, both on NumPy arrays alone; ``save`` and ``load`` put tensors on top of them:

* `tinygrad_np.io.safetensors`: named arrays <-> the bytes of a ``.safetensors`` or ``.npz`` file;
* `tinygrad_np.io.checkpoint`: nested dicts, lists and numbers <-> named arrays and one JSON string.
"""

from .checkpoint import flatten as flatten
from .checkpoint import unflatten as unflatten
from .safetensors import FileFormatError as FileFormatError
from .safetensors import read_npz as read_npz
from .safetensors import read_safetensors as read_safetensors
from .safetensors import write_npz as write_npz
from .safetensors import write_safetensors as write_safetensors
