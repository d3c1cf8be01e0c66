"""The datasets: MNIST, and digits drawn by ourselves for where MNIST cannot be had."""

from nn.data.datasets.digits import MNIST as MNIST
from nn.data.datasets.digits import SyntheticDigits as SyntheticDigits
from nn.data.datasets.errors import DatasetError as DatasetError
