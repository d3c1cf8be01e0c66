"""Differentiation for users: `grad`, the modes, and the checker of derivatives."""

from typing import TYPE_CHECKING

from tinygrad_np.autograd import functional as functional
from tinygrad_np.autograd.anomaly import detect_anomaly as detect_anomaly
from tinygrad_np.autograd.anomaly import is_anomaly_enabled as is_anomaly_enabled
from tinygrad_np.autograd.anomaly import set_detect_anomaly as set_detect_anomaly
from tinygrad_np.autograd.function import Function as Function
from tinygrad_np.autograd.grad import backward as backward
from tinygrad_np.autograd.grad import grad as grad
from tinygrad_np.autograd.gradcheck import gradcheck as gradcheck
from tinygrad_np.autograd.gradcheck import gradgradcheck as gradgradcheck
from tinygrad_np.autograd.live import check_gradients as check_gradients
from tinygrad_np.autograd.modes import enable_grad as enable_grad
from tinygrad_np.autograd.modes import inference_mode as inference_mode
from tinygrad_np.autograd.modes import is_grad_enabled as is_grad_enabled
from tinygrad_np.autograd.modes import is_inference_mode_enabled as is_inference_mode_enabled
from tinygrad_np.autograd.modes import no_grad as no_grad
from tinygrad_np.autograd.modes import set_grad_enabled as set_grad_enabled
from tinygrad_np.errors import AnomalyError as AnomalyError
from tinygrad_np.errors import GradcheckError as GradcheckError
from tinygrad_np.errors import NondifferentiableError as NondifferentiableError
from tinygrad_np.missing import names_in

if not TYPE_CHECKING:  # a type checker knows what is missing
    __getattr__ = names_in(__name__)
