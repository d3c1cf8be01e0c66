"""Optimisers: they change parameters in place, from their gradients."""

from typing import TYPE_CHECKING

from nn.optim.adam import Adam as Adam
from nn.optim.optimizer import Optimizer as Optimizer
from nn.optim.sgd import SGD as SGD
from tinygrad_np.missing import names_in

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
