"""Optimisers: they change parameters in place, from their gradients."""

from typing import TYPE_CHECKING, NoReturn

from nn.optim.adam import Adam as Adam
from nn.optim.optimizer import Optimizer as Optimizer
from nn.optim.sgd import SGD as SGD
from tinygrad_np.missing import no_attribute

if not TYPE_CHECKING:  # a type checker knows what is missing

    def __getattr__(name: str) -> NoReturn:
        """Say so of names that are not here."""
        raise no_attribute(__name__, name, globals())
