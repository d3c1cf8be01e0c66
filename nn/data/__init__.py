"""Datasets, and how they come in batches. Datasets proper are in `nn.data.datasets`."""

from typing import TYPE_CHECKING

from nn.data import datasets as datasets
from nn.data import transforms as transforms
from nn.data.collate import default_collate as default_collate
from nn.data.collate import default_convert as default_convert
from nn.data.dataset import ConcatDataset as ConcatDataset
from nn.data.dataset import Dataset as Dataset
from nn.data.dataset import IterableDataset as IterableDataset
from nn.data.dataset import Subset as Subset
from nn.data.dataset import TensorDataset as TensorDataset
from nn.data.dataset import random_split as random_split
from nn.data.loader import DataLoader as DataLoader
from nn.data.sampler import BatchSampler as BatchSampler
from nn.data.sampler import RandomSampler as RandomSampler
from nn.data.sampler import Sampler as Sampler
from nn.data.sampler import SequentialSampler as SequentialSampler
from nn.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from nn.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from tinygrad_np.missing import names_in

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
