"""nn: PyTorch-like modules, losses, optimisers and data on top of tinygrad_np.

>>> import nn, tinygrad_np as tg
>>> model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
>>> model(tg.zeros(32, 1, 28, 28)).shape
Size([32, 10])
"""

from nn import data as data
from nn import functional as functional
from nn import init as init
from nn import optim as optim
from nn.modules.activation import Dropout as Dropout
from nn.modules.activation import ReLU as ReLU
from nn.modules.activation import Sigmoid as Sigmoid
from nn.modules.activation import Tanh as Tanh
from nn.modules.container import Sequential as Sequential
from nn.modules.linear import Flatten as Flatten
from nn.modules.linear import Identity as Identity
from nn.modules.linear import Linear as Linear
from nn.modules.loss import CrossEntropyLoss as CrossEntropyLoss
from nn.modules.loss import MSELoss as MSELoss
from nn.modules.module import Module as Module
from nn.parameter import Parameter as Parameter
