"""Answers to a script that asks for PyTorch's backends: none is here, and their flags do nothing.

>>> import tinygrad_np as tg
>>> tg.backends.mps.is_available()
False
>>> tg.backends.cudnn.benchmark = False
"""

from typing import TYPE_CHECKING

from tinygrad_np.backends import cuda as cuda
from tinygrad_np.backends import cudnn as cudnn
from tinygrad_np.backends import mkl as mkl
from tinygrad_np.backends import mps as mps
from tinygrad_np.backends import openmp as openmp
from tinygrad_np.missing import names_in

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
