"""Answers to a script that asks for PyTorch's backends: none is here, and their flags do nothing.

>>> import tinygrad_np as tg
>>> tg.backends.mps.is_available()
False
>>> tg.backends.cudnn.benchmark = False
"""

from tinygrad_np.backends import cuda as cuda
from tinygrad_np.backends import cudnn as cudnn
from tinygrad_np.backends import mkl as mkl
from tinygrad_np.backends import mps as mps
from tinygrad_np.backends import openmp as openmp
