"""Tools around training: activation checkpoints, handles of hooks; `data` is `nn.data`."""

from tinygrad_np.utils import checkpoint as checkpoint
from tinygrad_np.utils import data as data
from tinygrad_np.utils import hooks as hooks
