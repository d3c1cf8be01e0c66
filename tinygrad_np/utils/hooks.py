"""The handle that registering a hook returns, at the place where PyTorch has it."""

from tinygrad_np.arrival import RemovableHandle

__all__ = ["RemovableHandle"]
