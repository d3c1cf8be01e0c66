"""Optimisers: they change parameters in place, from their gradients."""

from nn.optim.adam import Adam as Adam
from nn.optim.optimizer import Optimizer as Optimizer
from nn.optim.sgd import SGD as SGD
