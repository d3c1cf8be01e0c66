"""Tools around training: activation checkpoints, handles of hooks; `data` is `nn.data`."""

from typing import TYPE_CHECKING

from tinygrad_np.missing import names_in
from tinygrad_np.utils import checkpoint as checkpoint
from tinygrad_np.utils import data as data
from tinygrad_np.utils import hooks as hooks

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
