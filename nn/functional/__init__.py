"""Functions that modules are made of, as `import nn.functional as F`; one file for each family."""

from typing import TYPE_CHECKING

from nn.functional.activation import log_softmax as log_softmax
from nn.functional.activation import relu as relu
from nn.functional.activation import sigmoid as sigmoid
from nn.functional.activation import softmax as softmax
from nn.functional.activation import tanh as tanh
from nn.functional.dropout import dropout as dropout
from nn.functional.loss import cross_entropy as cross_entropy
from nn.functional.loss import mse_loss as mse_loss
from nn.functional.loss import nll_loss as nll_loss
from tinygrad_np.missing import names_in
from tinygrad_np.ops.conv import conv1d as conv1d
from tinygrad_np.ops.conv import conv2d as conv2d
from tinygrad_np.ops.conv import conv_transpose1d as conv_transpose1d
from tinygrad_np.ops.conv import conv_transpose2d as conv_transpose2d
from tinygrad_np.ops.linalg import linear as linear
from tinygrad_np.ops.pad import pad as pad
from tinygrad_np.ops.pool import adaptive_avg_pool1d as adaptive_avg_pool1d
from tinygrad_np.ops.pool import adaptive_avg_pool2d as adaptive_avg_pool2d
from tinygrad_np.ops.pool import adaptive_max_pool1d as adaptive_max_pool1d
from tinygrad_np.ops.pool import adaptive_max_pool2d as adaptive_max_pool2d
from tinygrad_np.ops.pool import avg_pool1d as avg_pool1d
from tinygrad_np.ops.pool import avg_pool2d as avg_pool2d
from tinygrad_np.ops.pool import max_pool1d as max_pool1d
from tinygrad_np.ops.pool import max_pool2d as max_pool2d
from tinygrad_np.ops.unfold import fold as fold
from tinygrad_np.ops.unfold import unfold as unfold

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
