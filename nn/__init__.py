"""nn: PyTorch-like modules, losses, optimisers and data on top of tinygrad_np.

>>> import nn, tinygrad_np as tg
>>> model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
>>> model(tg.zeros(32, 1, 28, 28)).shape
Size([32, 10])
"""

from typing import TYPE_CHECKING

from nn import data as data
from nn import functional as functional
from nn import init as init
from nn import optim as optim
from nn.modules.activation import Dropout as Dropout
from nn.modules.activation import ReLU as ReLU
from nn.modules.activation import Sigmoid as Sigmoid
from nn.modules.activation import Tanh as Tanh
from nn.modules.container import ModuleDict as ModuleDict
from nn.modules.container import ModuleList as ModuleList
from nn.modules.container import Sequential as Sequential
from nn.modules.conv import Conv1d as Conv1d
from nn.modules.conv import Conv2d as Conv2d
from nn.modules.conv import ConvTranspose1d as ConvTranspose1d
from nn.modules.conv import ConvTranspose2d as ConvTranspose2d
from nn.modules.conv import Fold as Fold
from nn.modules.conv import Unfold as Unfold
from nn.modules.linear import Flatten as Flatten
from nn.modules.linear import Identity as Identity
from nn.modules.linear import Linear as Linear
from nn.modules.loss import CrossEntropyLoss as CrossEntropyLoss
from nn.modules.loss import MSELoss as MSELoss
from nn.modules.module import Module as Module
from nn.modules.pad import CircularPad1d as CircularPad1d
from nn.modules.pad import CircularPad2d as CircularPad2d
from nn.modules.pad import ConstantPad1d as ConstantPad1d
from nn.modules.pad import ConstantPad2d as ConstantPad2d
from nn.modules.pad import ReflectionPad1d as ReflectionPad1d
from nn.modules.pad import ReflectionPad2d as ReflectionPad2d
from nn.modules.pad import ReplicationPad1d as ReplicationPad1d
from nn.modules.pad import ReplicationPad2d as ReplicationPad2d
from nn.modules.pad import ZeroPad1d as ZeroPad1d
from nn.modules.pad import ZeroPad2d as ZeroPad2d
from nn.modules.parameters import ParameterDict as ParameterDict
from nn.modules.parameters import ParameterList as ParameterList
from nn.modules.pool import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from nn.modules.pool import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from nn.modules.pool import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from nn.modules.pool import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from nn.modules.pool import AvgPool1d as AvgPool1d
from nn.modules.pool import AvgPool2d as AvgPool2d
from nn.modules.pool import MaxPool1d as MaxPool1d
from nn.modules.pool import MaxPool2d as MaxPool2d
from nn.parameter import Parameter as Parameter
from tinygrad_np.missing import names_in

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
