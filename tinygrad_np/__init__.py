"""tinygrad_np: a small reverse-mode tensor engine in NumPy, with PyTorch's names.

>>> import tinygrad_np as tg
>>> x = tg.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from __future__ import annotations

import importlib
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING, Any

from numpy import dtype as dtype

from tinygrad_np import autograd as autograd
from tinygrad_np import graph as graph
from tinygrad_np import random as random
from tinygrad_np import utils as utils
from tinygrad_np.autograd import enable_grad as enable_grad
from tinygrad_np.autograd import inference_mode as inference_mode
from tinygrad_np.autograd import is_anomaly_enabled as is_anomaly_enabled
from tinygrad_np.autograd import is_grad_enabled as is_grad_enabled
from tinygrad_np.autograd import is_inference_mode_enabled as is_inference_mode_enabled
from tinygrad_np.autograd import no_grad as no_grad
from tinygrad_np.autograd import set_grad_enabled as set_grad_enabled
from tinygrad_np.determinism import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
)
from tinygrad_np.determinism import use_deterministic_algorithms as use_deterministic_algorithms
from tinygrad_np.devices import device as device
from tinygrad_np.dtypes import bool_ as _bool
from tinygrad_np.dtypes import can_cast as can_cast
from tinygrad_np.dtypes import float16 as float16
from tinygrad_np.dtypes import float32 as float32
from tinygrad_np.dtypes import float64 as float64
from tinygrad_np.dtypes import get_default_dtype as get_default_dtype
from tinygrad_np.dtypes import int8 as int8
from tinygrad_np.dtypes import int16 as int16
from tinygrad_np.dtypes import int32 as int32
from tinygrad_np.dtypes import int64 as int64
from tinygrad_np.dtypes import promote_types as promote_types
from tinygrad_np.dtypes import result_type as result_type
from tinygrad_np.dtypes import set_default_dtype as set_default_dtype
from tinygrad_np.dtypes import uint8 as uint8
from tinygrad_np.errors import DtypeError as DtypeError
from tinygrad_np.errors import GraphError as GraphError
from tinygrad_np.errors import ShapeError as ShapeError
from tinygrad_np.forwarding import forward
from tinygrad_np.kernels.threads import get_num_threads as get_num_threads
from tinygrad_np.kernels.threads import set_num_threads as set_num_threads
from tinygrad_np.limits import finfo as finfo
from tinygrad_np.limits import iinfo as iinfo
from tinygrad_np.missing import no_attribute
from tinygrad_np.ops.division import div as div
from tinygrad_np.ops.division import floor_divide as floor_divide
from tinygrad_np.ops.division import fmod as fmod
from tinygrad_np.ops.division import remainder as remainder
from tinygrad_np.ops.elementwise import abs as abs
from tinygrad_np.ops.elementwise import add as add
from tinygrad_np.ops.elementwise import bitwise_and as bitwise_and
from tinygrad_np.ops.elementwise import bitwise_not as bitwise_not
from tinygrad_np.ops.elementwise import bitwise_or as bitwise_or
from tinygrad_np.ops.elementwise import bitwise_xor as bitwise_xor
from tinygrad_np.ops.elementwise import eq as eq
from tinygrad_np.ops.elementwise import exp as exp
from tinygrad_np.ops.elementwise import ge as ge
from tinygrad_np.ops.elementwise import gt as gt
from tinygrad_np.ops.elementwise import isfinite as isfinite
from tinygrad_np.ops.elementwise import isinf as isinf
from tinygrad_np.ops.elementwise import isnan as isnan
from tinygrad_np.ops.elementwise import le as le
from tinygrad_np.ops.elementwise import log as log
from tinygrad_np.ops.elementwise import lt as lt
from tinygrad_np.ops.elementwise import maximum as maximum
from tinygrad_np.ops.elementwise import minimum as minimum
from tinygrad_np.ops.elementwise import mul as mul
from tinygrad_np.ops.elementwise import ne as ne
from tinygrad_np.ops.elementwise import neg as neg
from tinygrad_np.ops.elementwise import pow as pow
from tinygrad_np.ops.elementwise import relu as relu
from tinygrad_np.ops.elementwise import rsub as rsub
from tinygrad_np.ops.elementwise import sigmoid as sigmoid
from tinygrad_np.ops.elementwise import sign as sign
from tinygrad_np.ops.elementwise import sqrt as sqrt
from tinygrad_np.ops.elementwise import square as square
from tinygrad_np.ops.elementwise import sub as sub
from tinygrad_np.ops.elementwise import tanh as tanh
from tinygrad_np.ops.elementwise import where as where
from tinygrad_np.ops.linalg import matmul as matmul
from tinygrad_np.ops.nonzero import argwhere as argwhere
from tinygrad_np.ops.nonzero import nonzero as nonzero
from tinygrad_np.ops.parts import chunk as chunk
from tinygrad_np.ops.parts import diagonal as diagonal
from tinygrad_np.ops.parts import select as select
from tinygrad_np.ops.parts import split as split
from tinygrad_np.ops.parts import unbind as unbind
from tinygrad_np.ops.reduce import all as all
from tinygrad_np.ops.reduce import amax as amax
from tinygrad_np.ops.reduce import amin as amin
from tinygrad_np.ops.reduce import any as any
from tinygrad_np.ops.reduce import argmax as argmax
from tinygrad_np.ops.reduce import argmin as argmin
from tinygrad_np.ops.reduce import log_softmax as log_softmax
from tinygrad_np.ops.reduce import logsumexp as logsumexp
from tinygrad_np.ops.reduce import max as max
from tinygrad_np.ops.reduce import mean as mean
from tinygrad_np.ops.reduce import min as min
from tinygrad_np.ops.reduce import softmax as softmax
from tinygrad_np.ops.reduce import sum as sum
from tinygrad_np.ops.scatter import gather as gather
from tinygrad_np.ops.scatter import index_add as index_add
from tinygrad_np.ops.scatter import index_fill as index_fill
from tinygrad_np.ops.scatter import index_select as index_select
from tinygrad_np.ops.scatter import masked_fill as masked_fill
from tinygrad_np.ops.scatter import masked_select as masked_select
from tinygrad_np.ops.scatter import scatter as scatter
from tinygrad_np.ops.scatter import scatter_add as scatter_add
from tinygrad_np.ops.scatter import take_along_dim as take_along_dim
from tinygrad_np.ops.shape import broadcast_to as broadcast_to
from tinygrad_np.ops.shape import cat as cat
from tinygrad_np.ops.shape import flatten as flatten
from tinygrad_np.ops.shape import narrow as narrow
from tinygrad_np.ops.shape import permute as permute
from tinygrad_np.ops.shape import reshape as reshape
from tinygrad_np.ops.shape import squeeze as squeeze
from tinygrad_np.ops.shape import stack as stack
from tinygrad_np.ops.shape import transpose as transpose
from tinygrad_np.ops.shape import unsqueeze as unsqueeze
from tinygrad_np.ops.ternary import addcdiv as addcdiv
from tinygrad_np.ops.ternary import addcmul as addcmul
from tinygrad_np.ops.ternary import clamp as clamp
from tinygrad_np.ops.ternary import clamp_max as clamp_max
from tinygrad_np.ops.ternary import clamp_min as clamp_min
from tinygrad_np.ops.ternary import clip as clip
from tinygrad_np.ops.ternary import lerp as lerp
from tinygrad_np.random import get_rng_state as get_rng_state
from tinygrad_np.random import initial_seed as initial_seed
from tinygrad_np.random import manual_seed as manual_seed
from tinygrad_np.random import seed as seed
from tinygrad_np.random import set_rng_state as set_rng_state
from tinygrad_np.serialization import load as load
from tinygrad_np.serialization import save as save
from tinygrad_np.tensor.conversion import equal as equal
from tinygrad_np.tensor.creation import arange as arange
from tinygrad_np.tensor.creation import as_tensor as as_tensor
from tinygrad_np.tensor.creation import empty as empty
from tinygrad_np.tensor.creation import empty_like as empty_like
from tinygrad_np.tensor.creation import eye as eye
from tinygrad_np.tensor.creation import from_dlpack as from_dlpack
from tinygrad_np.tensor.creation import from_numpy as from_numpy
from tinygrad_np.tensor.creation import full as full
from tinygrad_np.tensor.creation import full_like as full_like
from tinygrad_np.tensor.creation import linspace as linspace
from tinygrad_np.tensor.creation import ones as ones
from tinygrad_np.tensor.creation import ones_like as ones_like
from tinygrad_np.tensor.creation import tensor as tensor
from tinygrad_np.tensor.creation import zeros as zeros
from tinygrad_np.tensor.creation import zeros_like as zeros_like
from tinygrad_np.tensor.facts import clone as clone
from tinygrad_np.tensor.facts import is_complex as is_complex
from tinygrad_np.tensor.facts import is_floating_point as is_floating_point
from tinygrad_np.tensor.facts import is_nonzero as is_nonzero
from tinygrad_np.tensor.facts import is_same_size as is_same_size
from tinygrad_np.tensor.facts import is_tensor as is_tensor
from tinygrad_np.tensor.facts import numel as numel
from tinygrad_np.tensor.generator import Generator as Generator
from tinygrad_np.tensor.generator import default_generator as default_generator
from tinygrad_np.tensor.grids import meshgrid as meshgrid
from tinygrad_np.tensor.grids import tril_indices as tril_indices
from tinygrad_np.tensor.grids import triu_indices as triu_indices
from tinygrad_np.tensor.printing import set_printoptions as set_printoptions
from tinygrad_np.tensor.random import bernoulli as bernoulli
from tinygrad_np.tensor.random import multinomial as multinomial
from tinygrad_np.tensor.random import normal as normal
from tinygrad_np.tensor.random import rand as rand
from tinygrad_np.tensor.random import rand_like as rand_like
from tinygrad_np.tensor.random import randint as randint
from tinygrad_np.tensor.random import randint_like as randint_like
from tinygrad_np.tensor.random import randn as randn
from tinygrad_np.tensor.random import randn_like as randn_like
from tinygrad_np.tensor.random import randperm as randperm
from tinygrad_np.tensor.size import Size as Size
from tinygrad_np.tensor.tensor import Tensor as Tensor

if TYPE_CHECKING:  # what __getattr__ below finds when it is asked for
    import nn as nn
    from nn import optim as optim
    from tinygrad_np import accelerator as accelerator
    from tinygrad_np import backends as backends
    from tinygrad_np import cuda as cuda
    from tinygrad_np import testing as testing

__version__ = "0.1.0"

bool = _bool  # as PyTorch names its dtypes
float = float32
double = float64
half = float16
long = int64
int = int32
short = int16

newaxis = None

# PyTorch has its in-place methods as functions too.
abs_, clamp_, clamp_max_, clamp_min_ = (
    Tensor.abs_, Tensor.clamp_, Tensor.clamp_max_, Tensor.clamp_min_
)  # fmt: skip
clip_, detach, detach_, exp_, fill_ = (
    Tensor.clamp_, Tensor.detach, Tensor.detach_, Tensor.exp_, Tensor.fill_
)  # fmt: skip
log_, neg_, relu_, sigmoid_ = Tensor.log_, Tensor.neg_, Tensor.relu_, Tensor.sigmoid_
sqrt_, square_, tanh_, zero_ = Tensor.sqrt_, Tensor.square_, Tensor.tanh_, Tensor.zero_

# Of the memory formats, which `to` and `clone` take and pass by, there is one.
channels_last = "channels_last"
contiguous_format = "contiguous_format"
preserve_format = "preserve_format"

# `import tinygrad_np.nn.functional as F` is for what a script had as `import torch.nn.functional`.
forward({"tinygrad_np.nn": "nn", "tinygrad_np.optim": "nn.optim"})

if not TYPE_CHECKING:
    _LAZY = {
        "accelerator": "tinygrad_np.accelerator",
        "backends": "tinygrad_np.backends",
        "cuda": "tinygrad_np.cuda",
        "nn": "nn",
        "optim": "nn.optim",
        "testing": "tinygrad_np.testing",
    }

    def __getattr__(name: str) -> Any:
        """Import what a script asks for at first use, and say so of names that are not here."""
        if name in _LAZY:
            return importlib.import_module(_LAZY[name])
        raise no_attribute("tinygrad_np", name, __dir__())

    def __dir__() -> list[str]:
        """List all that can be asked for, imported or not."""
        return sorted({*globals(), *_LAZY})
