"""Datasets, and how they come in batches. Datasets proper are in `nn.data.datasets`."""

from nn.data import datasets as datasets
from nn.data import transforms as transforms
from nn.data.collate import default_collate as default_collate
from nn.data.dataset import Dataset as Dataset
from nn.data.dataset import Subset as Subset
from nn.data.dataset import TensorDataset as TensorDataset
from nn.data.dataset import random_split as random_split
from nn.data.loader import DataLoader as DataLoader
