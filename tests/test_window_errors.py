"""Convolution, pooling and padding refuse what does not fit, and say what would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import nn
import nn.functional as F
import tinygrad_np as tg
from tinygrad_np.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

X, LINE = tg.ones(2, 3, 8, 6), tg.ones(2, 3, 8)
W, K = tg.ones(4, 3, 3, 2), tg.ones(4, 3, 3)
BACK = tg.ones(3, 4, 3, 2)

FUNCTIONS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "2-D input": (
        lambda: F.conv2d(X[0, 0], W),
        ShapeError,
        (
            r"conv2d: the input needs shape \(N, C, H, W\), or \(C, H, W\) for one sample, and has "
            r"shape \(8, 6\); insert missing dimensions of size 1"
        ),
    ),
    "5-D input": (
        lambda: F.conv2d(X[None], W),
        ShapeError,
        r"conv2d: the input needs shape .* \(1, 2, 3, 8, 6\)",
    ),
    "1-D input to conv1d": (
        lambda: F.conv1d(LINE[0, 0], K),
        ShapeError,
        (
            r"conv1d: the input needs shape \(N, C, L\), or \(C, L\) for one sample, and has shape "
            r"\(8,\)"
        ),
    ),
    "no tensor": (
        lambda: F.conv2d([[1.0]], W),  # type: ignore[type-var]
        TypeError,
        r"conv2d: input must be a Tensor, not a builtins\.list; wrap data with",
    ),
    "an array": (lambda: F.conv2d(X.numpy(), W), TypeError, "wrap data with"),
    "an array to pool": (
        lambda: F.adaptive_max_pool1d(X.numpy()[0], 2),
        TypeError,
        r"adaptive_max_pool1d: input must be a Tensor, not a numpy\.ndarray; wrap data with",
    ),
    "an array to unfold": (lambda: F.unfold(X.numpy(), 2), TypeError, "unfold: input must be"),
    "a list to fold": (lambda: F.fold([[1.0]], 1, 1), TypeError, "fold: input must be"),
    "a list to pad": (
        lambda: F.pad([1.0, 2.0], (1, 1)),
        TypeError,
        r"pad: input must be a Tensor, not a builtins\.list",
    ),
    "a list as weight": (
        lambda: F.conv2d(X, W.tolist()),
        TypeError,
        r"conv2d: weight must be a Tensor, not a builtins\.list; wrap data with",
    ),
    "no weight": (
        lambda: F.conv_transpose1d(LINE, None),
        TypeError,
        r"conv_transpose1d: weight must be a Tensor, not a builtins\.NoneType",
    ),
    "a number as bias": (
        lambda: F.conv2d(X, W, 1.0),  # type: ignore[type-var]
        TypeError,
        r"conv2d: bias must be a Tensor, not a builtins\.float",
    ),
    "kernel of size 0": (
        lambda: F.conv2d(X, tg.ones(4, 3, 0, 2)),
        ShapeError,
        r"conv2d: kernel_size=\(0, 2\) must be at least 1",
    ),
    "stamp of size 0": (
        lambda: F.conv_transpose1d(LINE, tg.ones(3, 4, 0)),
        ShapeError,
        r"conv_transpose1d: kernel_size=\(0,\) must be at least 1",
    ),
    "no filters": (
        lambda: F.conv1d(LINE, tg.ones(0, 3, 2)),
        ShapeError,
        r"conv1d: the weight of shape \(0, 3, 2\) holds no filters",
    ),
    "no outputs": (
        lambda: F.conv_transpose2d(X, tg.ones(3, 0, 2, 2)),
        ShapeError,
        r"conv_transpose2d: the weight of shape \(3, 0, 2, 2\) holds no filters",
    ),
    "groups in a word": (
        lambda: F.conv2d(X, W, groups="a"),  # type: ignore[arg-type]
        TypeError,
        "conv2d: groups must be an int, not 'a'",
    ),
    "groups of a float": (
        lambda: F.conv2d(X, W, groups=1.0),  # type: ignore[arg-type]
        TypeError,
        "conv2d: groups must be an int, not 1.0",
    ),
    "weight of another rank": (
        lambda: F.conv2d(X, K),
        ShapeError,
        r"conv2d: the weight needs shape \(O, C/groups, kh, kw\), and has shape \(4, 3, 3\)",
    ),
    "weight of a transposed convolution": (
        lambda: F.conv_transpose1d(LINE, BACK),
        ShapeError,
        r"conv_transpose1d: the weight needs shape \(C, O/groups, kl\), and has shape \(3, 4, 3, 2",
    ),
    "channels": (
        lambda: F.conv2d(tg.ones(2, 1, 8, 6), W),
        ShapeError,
        (
            r"conv2d: weight of shape \(4, 3, 3, 2\) with groups=1 expects an input of 3 "
            r"channels, and the input of shape \(2, 1, 8, 6\) has 1; build the layer for 1"
        ),
    ),
    "channels at the end": (
        lambda: F.conv2d(X.permute(0, 2, 3, 1), W),
        ShapeError,
        "has 8; bring the channels before H, W with permute",
    ),
    "channels in groups": (
        lambda: F.conv2d(X, W, groups=2),
        ShapeError,
        r"with groups=2 expects an input of 6 channels, and the input of shape .* has 3",
    ),
    "channels of a transposed convolution": (
        lambda: F.conv_transpose2d(X, W),
        ShapeError,
        (
            r"conv_transpose2d: weight of shape \(4, 3, 3, 2\) with groups=1 expects an input of "
            r"4 channels, and the input of shape \(2, 3, 8, 6\) has 3; build the layer for 3"
        ),
    ),
    "groups that do not divide": (
        lambda: F.conv2d(X, W, groups=3),
        ShapeError,
        "conv2d: groups=3 must divide the 4 channels, dimension 0 of weight; take a divisor of 4",
    ),
    "no groups": (lambda: F.conv2d(X, W, groups=0), ShapeError, "groups=0 must divide the 4"),
    "bias": (
        lambda: F.conv2d(X, W, tg.ones(3)),
        ShapeError,
        (
            r"conv2d: the bias needs shape \(4,\), one number for each output channel, and has "
            r"shape \(3,\); reshape it, or give None"
        ),
    ),
    "bias of a transposed convolution": (
        lambda: F.conv_transpose2d(X, BACK, tg.ones(3)),
        ShapeError,
        r"the bias needs shape \(4,\), one number for each output channel",
    ),
    "stride 0": (lambda: F.conv2d(X, W, stride=0), ShapeError, "stride=0 must be at least 1"),
    "negative stride": (
        lambda: F.conv2d(X, W, stride=(1, -1)),
        ShapeError,
        r"conv2d: stride=\(1, -1\) must be at least 1",
    ),
    "negative padding": (
        lambda: F.conv2d(X, W, padding=-1),
        ShapeError,
        "conv2d: padding=-1 must not be negative",
    ),
    "dilation 0": (lambda: F.conv1d(LINE, K, dilation=0), ShapeError, "dilation=0 must be at lea"),
    "three numbers": (
        lambda: F.conv2d(X, W, stride=(1, 2, 3)),  # type: ignore[arg-type]
        ShapeError,
        r"conv2d: stride=\(1, 2, 3\) has 3 numbers, and there are 2 spatial dimensions; give one",
    ),
    "two numbers for a line": (
        lambda: F.conv1d(LINE, K, stride=(1, 2)),
        ShapeError,
        r"stride=\(1, 2\) has 2 numbers, and there is 1 spatial dimension; give one int$",
    ),
    "half a stride along a line": (
        lambda: F.conv1d(LINE, K, stride=0.5),  # type: ignore[arg-type]
        TypeError,
        "conv1d: stride must be an int, not 0.5",
    ),
    "half a stride": (
        lambda: F.conv2d(X, W, stride=0.5),  # type: ignore[arg-type]
        TypeError,
        "conv2d: stride must be an int, or 2 of them in a tuple, not 0.5",
    ),
    "kernel larger than the input": (
        lambda: F.conv2d(X, tg.ones(4, 3, 11, 2), padding=(1, 0)),
        ShapeError,
        (
            r"conv2d: a window of size \(11, 2\) does not fit into the padded input of size \(10, "
            r"6\): "
            r"output size is too small; pad more, or take a smaller kernel"
        ),
    ),
    "dilated kernel": (
        lambda: F.conv1d(LINE, K, dilation=4),
        ShapeError,
        (
            r"conv1d: a window of size \(3,\), dilated to \(9,\), does not fit into the padded "
            r"input of "
            r"size \(8,\): output size is too small"
        ),
    ),
    "nothing left": (
        lambda: F.conv_transpose2d(X[:, :, :1, :1], BACK, padding=2),
        ShapeError,
        (
            r"conv_transpose2d: an input of size \(1, 1\) with kernel \(3, 2\), stride \(1, 1\) "
            r"and "
            r"padding \(2, 2\) gives size \(-1, -2\): output size is too small; pad less"
        ),
    ),
    "nothing left in one dimension": (
        lambda: F.conv_transpose2d(X[:, :, :1], BACK, padding=(2, 0)),
        ShapeError,
        r"gives size \(-1, 7\): output size is too small; pad less",
    ),
    "size 0 left": (
        lambda: F.conv_transpose1d(LINE[:, :, :1], tg.ones(3, 4, 2), padding=1),
        ShapeError,
        r"gives size \(0,\): output size is too small; pad less",
    ),
    "stride of a transposed convolution": (
        lambda: F.conv_transpose2d(X, BACK, stride=0),
        ShapeError,
        "conv_transpose2d: stride=0 must be at least 1",
    ),
    "dilation of a transposed convolution": (
        lambda: F.conv_transpose2d(X, BACK, dilation=(1, 0)),
        ShapeError,
        r"conv_transpose2d: dilation=\(1, 0\) must be at least 1",
    ),
    "groups of a transposed convolution": (
        lambda: F.conv_transpose2d(X, BACK, groups=2),
        ShapeError,
        "conv_transpose2d: groups=2 must divide the 3 channels, dimension 0 of weight",
    ),
    "output_padding": (
        lambda: F.conv_transpose2d(X, BACK, stride=2, output_padding=2),
        ShapeError,
        (
            r"output_padding \(2, 2\) must be smaller than the stride \(2, 2\) or the dilation "
            r"\(1, 1\): it chooses among sizes that a larger stride leaves open"
        ),
    ),
    "same with stride": (
        lambda: F.conv2d(X, W, stride=2, padding="same"),
        RuntimeError,
        r"conv2d: padding='same' has no meaning with stride \(2, 2\): sizes cannot stay the same",
    ),
    "same with stride in one dimension": (
        lambda: F.conv2d(X, W, stride=(1, 2), padding="same"),
        RuntimeError,
        r"conv2d: padding='same' has no meaning with stride \(1, 2\)",
    ),
    "unknown padding": (
        lambda: F.conv2d(X, W, padding="full"),
        ShapeError,
        "conv2d: padding must be 'valid', 'same' or ints, not 'full'",
    ),
    "mixed dtypes": (
        lambda: F.conv2d(X.double(), W),
        DtypeError,
        (
            r"conv2d: the input is float64 and the weight is float32; they must be equal: cast "
            r"one, for "
            r"example the input with \.to\(float32\)"
        ),
    ),
    "bias of another dtype": (
        lambda: F.conv2d(X, W, tg.ones(4, dtype=tg.float64)),
        DtypeError,
        "conv2d: the input is float32 and the bias is float64; they must be equal",
    ),
    "bools": (
        lambda: F.conv2d(X > 0, W > 0),
        DtypeError,
        r"conv2d multiplies and adds, and cannot do so with bools: use \.float\(\)",
    ),
    "max pooling of a matrix": (
        lambda: F.max_pool2d(X[0, 0], 2),
        ShapeError,
        r"max_pool2d: the input needs shape \(N, C, H, W\), or \(C, H, W\)",
    ),
    "pooling window too large": (
        lambda: F.max_pool2d(X, 9),
        ShapeError,
        (
            r"max_pool2d: a window of size \(9, 9\) does not fit into the padded input of size "
            r"\(8, 6\): output size is too small; pad more, or take a smaller kernel"
        ),
    ),
    "padding over half of the window": (
        lambda: F.max_pool2d(X, 2, padding=2),
        ShapeError,
        (
            r"max_pool2d: padding \(2, 2\) is more than half of the kernel \(2, 2\): windows would "
            r"lie in the padding alone; pad by at most \(1, 1\)"
        ),
    ),
    "average padding over half": (
        lambda: F.avg_pool1d(LINE, 3, padding=2),
        ShapeError,
        r"avg_pool1d: padding \(2,\) is more than half of the kernel \(3,\)",
    ),
    "padding over half of a dilated window": (
        lambda: F.max_pool2d(tg.ones(1, 1, 4, 4), 2, 1, 2, 3),
        ShapeError,
        r"max_pool2d: padding \(2, 2\) is more than half of the kernel \(2, 2\)",
    ),
    "padding over half of a dilated line": (
        lambda: F.max_pool1d(LINE, 2, 1, 2, 3),
        ShapeError,
        r"max_pool1d: padding \(2,\) is more than half of the kernel \(2,\)",
    ),
    "a window that steps over the input": (
        lambda: F.max_pool2d(tg.ones(1, 1, 1, 1), 2, 1, 1, 2),
        ShapeError,
        (
            r"max_pool2d: kernel \(2, 2\) with dilation \(2, 2\) and padding \(1, 1\) has windows "
            r"all of whose taps miss the input of size \(1, 1\); dilate less, or pad less"
        ),
    ),
    "a window that steps over the columns alone": (
        lambda: F.max_pool2d(tg.ones(1, 3, 2), (1, 2), 1, (0, 1), (1, 3)),
        ShapeError,
        r"all of whose taps miss the input of size \(3, 2\)",
    ),
    "a window over nothing": (
        lambda: F.avg_pool2d(tg.ones(1, 1, 0, 4), 2, padding=1),
        ShapeError,
        r"all of whose taps miss the input of size \(0, 4\)",
    ),
    "pooling stride": (
        lambda: F.avg_pool2d(X, 2, 0),
        ShapeError,
        "avg_pool2d: stride=0 must be at",
    ),
    "kernel 0": (lambda: F.max_pool1d(LINE, 0), ShapeError, "kernel_size=0 must be at least 1"),
    "divisor": (
        lambda: F.avg_pool2d(X, 2, divisor_override=0),
        ShapeError,
        "avg_pool2d: divisor_override must not be 0",
    ),
    "mean of integers": (
        lambda: F.avg_pool2d(X.long(), 2),
        DtypeError,
        r"avg_pool2d needs floats, not int64; convert with \.float\(\)",
    ),
    "largest in bins of integers": (
        lambda: F.adaptive_max_pool2d(X.long(), 2),
        DtypeError,
        r"adaptive_max_pool2d needs floats, not int64; convert with \.float\(\)",
    ),
    "a divisor that is no int": (
        lambda: F.avg_pool2d(X, 2, divisor_override=1.5),  # type: ignore[arg-type]
        TypeError,
        "avg_pool2d: divisor_override must be an int, not 1.5",
    ),
    "largest of bools": (
        lambda: F.max_pool2d(X > 0, 2),
        DtypeError,
        r"max_pool2d: bools have no largest one; convert with \.float\(\)",
    ),
    "adaptive sizes": (
        lambda: F.adaptive_avg_pool2d(X, (1, 2, 3)),
        ShapeError,
        r"output_size=\(1, 2, 3\) has 3 numbers, and needs 2: one for each of H, W, or an int",
    ),
    "negative adaptive size": (
        lambda: F.adaptive_max_pool1d(LINE, -1),
        ShapeError,
        "must not be negative",
    ),
    "adaptive pooling of nothing": (
        lambda: F.adaptive_avg_pool2d(tg.ones(2, 3, 0, 4), 2),
        ShapeError,
        (
            r"the input of shape \(2, 3, 0, 4\) has nothing in H, W, and bins need at least one "
            r"place; an earlier layer left none"
        ),
    ),
    "adaptive pooling of one sample without rows": (
        lambda: F.adaptive_avg_pool2d(tg.ones(1, 0, 3), 1),
        ShapeError,
        r"the input of shape \(1, 0, 3\) has nothing in H, W",
    ),
    "adaptive pooling of one sample without columns": (
        lambda: F.adaptive_avg_pool2d(tg.ones(1, 3, 0), 1),
        ShapeError,
        r"the input of shape \(1, 3, 0\) has nothing in H, W",
    ),
    "three sizes for two dimensions": (
        lambda: F.avg_pool2d(X, (1, 2, 3)),
        ShapeError,
        r"kernel_size=\(1, 2, 3\) has 3 numbers, .* 2 spatial dimensions; give one int, or 2$",
    ),
    "unfold of one sample": (
        lambda: F.unfold(tg.ones(5, 2, 3), 3),
        ShapeError,
        r"unfold: .* does not fit into the padded input of size \(2, 3\)",
    ),
    "fold into nothing": (
        lambda: F.fold(tg.ones(1, 1, 1), (0, 1), 1),
        ShapeError,
        r"fold: output_size=\(0, 1\) must be at least 1",
    ),
    "fold of other channels, H apart from W": (
        lambda: F.fold(tg.ones(1, 3, 2), (1, 3), (1, 2)),
        ShapeError,
        r"kernel of size \(1, 2\) hold a multiple of 2 numbers, and .* has 3",
    ),
    "unfold": (
        lambda: F.unfold(X, 9),
        ShapeError,
        r"unfold: a window of size \(9, 9\) does not fit into the padded input of size \(8, 6\)",
    ),
    "fold of other channels": (
        lambda: F.fold(tg.ones(1, 5, 2), (2, 3), 2),
        ShapeError,
        (
            r"fold: columns of a kernel of size \(2, 2\) hold a multiple of 4 numbers, and the "
            r"input of "
            r"shape \(1, 5, 2\) has 5"
        ),
    ),
    "fold of other windows": (
        lambda: F.fold(tg.ones(1, 4, 3), (2, 3), 2),
        ShapeError,
        (
            r"fold: an image of size \(2, 3\) has 1·2 = 2 windows, and the input of shape \(1, 4, "
            r"3\) "
            r"has 3 columns"
        ),
    ),
    "fold of an image": (
        lambda: F.fold(X, (2, 3), 2),
        ShapeError,
        r"fold: the input needs shape \(N, C·kh·kw, L\), or \(C·kh·kw, L\)",
    ),
    "pad by a number": (
        lambda: F.pad(X, 2),  # type: ignore[arg-type]
        TypeError,
        r"pad: pad must be ints in a tuple, \(left, right, …\), not 2",
    ),
    "pad by a half": (
        lambda: F.pad(X, (1.5, 1)),  # type: ignore[list-item]
        TypeError,
        "pad: each number of pad must be an int, not 1.5",
    ),
    "pad by three": (
        lambda: F.pad(X, (1, 2, 3)),
        ShapeError,
        (
            r"pad: \(1, 2, 3\) must hold two numbers for each padded dimension, and the input of "
            r"shape "
            r"\(2, 3, 8, 6\) has 4"
        ),
    ),
    "pad with too large a number": (
        lambda: F.pad(X, (1, 1), value=1e300),
        DtypeError,
        (
            r"pad: value=1e\+300 lies outside of float32, which reaches from -3\.4028\d*e\+38 to "
            r"3\.4028\d*e\+38; choose another number, or cast the input first"
        ),
    ),
    "pad bytes with less than nothing": (
        lambda: F.pad(X.to(tg.uint8), (1, 1), value=-1),
        DtypeError,
        "pad: value=-1 lies outside of uint8, which reaches from 0 to 255",
    ),
    "pad integers with one too many": (
        lambda: F.pad(X.long(), (1, 1), value=2.0**63),
        DtypeError,
        "lies outside of int64",
    ),
    "pad integers with NaN": (
        lambda: F.pad(X.long(), (1, 1), value=float("nan")),
        DtypeError,
        "pad: value=nan lies outside of int64",
    ),
    "pad with a word": (
        lambda: F.pad(X, (1, 1), value="zero"),  # type: ignore[arg-type]
        TypeError,
        "pad: value must be a number, not 'zero'",
    ),
    "pad too many": (lambda: F.pad(tg.ones(2), (1, 1, 1, 1)), ShapeError, "must hold two numbers"),
    "pad one dimension too many": (
        lambda: F.pad(tg.ones(2, 3), (1,) * 6),
        ShapeError,
        r"must hold two numbers for each padded dimension, and the input of shape \(2, 3\) has 2",
    ),
    "crop too much": (
        lambda: F.pad(X, (-4, -3)),
        ShapeError,
        r"pad: \(-4, -3\) crops more than the input of shape \(2, 3, 8, 6\) has",
    ),
    "unknown mode": (
        lambda: F.pad(X, (1, 1), mode="edge"),
        NotImplementedError,
        "pad: mode must be one of constant, reflect, replicate, circular, not 'edge'",
    ),
    "value of a mirror": (
        lambda: F.pad(LINE, (1, 1), mode="reflect", value=1.0),
        RuntimeError,
        "pad: mode 'reflect' takes no value, and got 1.0",
    ),
    "rank of a mirror": (
        lambda: F.pad(X, (1, 1), mode="reflect"),
        NotImplementedError,
        (
            r"pad: mode 'reflect' with 2 numbers pads the last 1 of 2 or 3 dimensions, and the "
            r"input "
            r"has shape \(2, 3, 8, 6\)"
        ),
    ),
    "mirror in four dimensions": (
        lambda: F.pad(tg.ones(1, 1, 1, 1, 1), (0,) * 8, mode="reflect"),
        NotImplementedError,
        "pad: mode 'reflect' with 8 numbers pads the last 4 of 5 or 6 dimensions",
    ),
    "mirror in none": (
        lambda: F.pad(tg.ones(2), (), mode="reflect"),
        NotImplementedError,
        "pad: mode 'reflect' with 0 numbers pads the last 0 of 1 or 2 dimensions",
    ),
    "mirror too far": (
        lambda: F.pad(LINE, (8, 1), mode="reflect"),
        ShapeError,
        (
            r"pad: mode 'reflect' can pad dimension 2 of size 8 by at most 7, and \(8, 1\) was "
            r"asked for; pad less, or with mode 'constant'"
        ),
    ),
    "round twice": (
        lambda: F.pad(LINE, (1, 9), mode="circular"),
        ShapeError,
        r"mode 'circular' can pad dimension 2 of size 8 by at most 8, and \(1, 9\) was asked for",
    ),
    "repeat nothing": (
        lambda: F.pad(tg.ones(2, 3, 0), (1, 1), mode="replicate"),
        ShapeError,
        "mode 'replicate' can pad dimension 2 of size 0 by at most 0",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_functions(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


MODULES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "groups and inputs": (
        lambda: nn.Conv2d(3, 4, 2, groups=2),
        ValueError,
        "Conv2d: groups=2 must divide both in_channels=3 and out_channels=4",
    ),
    "groups and outputs": (
        lambda: nn.ConvTranspose1d(4, 3, 2, groups=2),
        ValueError,
        "ConvTranspose1d: groups=2 must divide both in_channels=4 and out_channels=3",
    ),
    "no groups": (lambda: nn.Conv1d(4, 4, 2, groups=0), ValueError, "groups=0 must divide both"),
    "stride 0": (lambda: nn.Conv2d(1, 1, 2, 0), ValueError, "Conv2d: stride=0 must be at least 1"),
    "kernel 0": (lambda: nn.Conv2d(1, 1, 0), RuntimeError, "kernel_size=0 must be at least 1"),
    "kernel of three": (lambda: nn.Conv2d(1, 1, (2, 2, 2)), ValueError, "has 3 numbers, and there"),
    "same with stride": (
        lambda: nn.Conv2d(1, 1, 3, stride=2, padding="same"),
        ValueError,
        r"Conv2d: padding='same' has no meaning with stride \(2, 2\): sizes cannot stay the same",
    ),
    "unknown padding": (
        lambda: nn.Conv2d(1, 1, 3, padding="full"),
        ValueError,
        "Conv2d: padding must be ints, 'same' or 'valid', not 'full'",
    ),
    "named padding of a transposed convolution": (
        lambda: nn.ConvTranspose2d(1, 1, 3, padding="same"),  # type: ignore[arg-type]
        ValueError,
        "ConvTranspose2d: padding must be ints",
    ),
    "padding mode": (
        lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"),
        ValueError,
        "padding_mode must be one of zeros, reflect, replicate, circular, not 'mirror'",
    ),
    "padding mode of a transposed convolution": (
        lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"),
        ValueError,
        "ConvTranspose2d: padding_mode must be 'zeros', not 'reflect': its padding crops the",
    ),
    "output size": (
        lambda: nn.ConvTranspose2d(3, 4, 3, stride=2)(X, output_size=(20, 13)),
        ValueError,
        (
            r"ConvTranspose2d: output_size \(20, 13\) cannot be had from an input of size \(8, "
            r"6\): it "
            r"must lie from \(17, 13\) to \(18, 14\)"
        ),
    ),
    "rank of an output size": (
        lambda: nn.ConvTranspose2d(3, 4, 3, stride=2)(X, output_size=(1, 17, 13)),
        ValueError,
        r"output_size \(1, 17, 13\) cannot be had",
    ),
    "output size of a dilated stamp": (
        lambda: nn.ConvTranspose2d(4, 3, 3, 1, dilation=3)(tg.ones(2, 4, 6, 5), [13, 13]),
        ValueError,
        r"output_size \(13, 13\) cannot be had .* it must lie from \(12, 11\) to \(12, 11\)",
    ),
    "padding of two sides": (
        lambda: nn.ZeroPad2d((1, 2)),
        ValueError,
        r"ZeroPad2d: padding must be an int, or 4 of them, not \(1, 2\)",
    ),
    "padding of a half": (
        lambda: nn.ZeroPad2d(1.5),
        TypeError,
        "ZeroPad2d: padding must be an int, not 1.5",
    ),
    "groups of a float": (
        lambda: nn.Conv2d(2, 2, 1, groups=1.0),  # type: ignore[arg-type]
        TypeError,
        "Conv2d: groups must be an int, not 1.0",
    ),
    "channels of a float": (
        lambda: nn.Conv2d(2.0, 2, 1),  # type: ignore[arg-type]
        TypeError,
        "Conv2d: in_channels must be an int, not 2.0",
    ),
    "going round a number": (
        lambda: nn.CircularPad1d(1)(tg.ones(4)),
        ValueError,
        r"CircularPad1d: the input needs shape \(N, C, L\), or \(C, L\) for one sample, and has",
    ),
    "going round a matrix": (
        lambda: nn.CircularPad2d(1)(tg.ones(4, 4)),
        ValueError,
        r"CircularPad2d: the input needs shape \(N, C, H, W\), or \(C, H, W\)",
    ),
    "device": (lambda: nn.Conv2d(1, 1, 1, device="cuda"), RuntimeError, "device cuda is not avail"),
}


@pytest.mark.parametrize(("call", "error", "message"), MODULES.values(), ids=list(MODULES))
def test_modules(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_an_error_inside_a_network_names_the_layer() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))
    with pytest.raises(ShapeError, match="expects an input of 4 channels") as caught:
        model(X)
    assert any("2" in note and "Conv2d" in note for note in caught.value.__notes__)
