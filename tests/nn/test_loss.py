"""Losses: values, gradients, masks and what is refused. Nothing here may warn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import gradients, weights

import nn
import nn.functional as F
import tinygrad_np as tg

if TYPE_CHECKING:
    from collections.abc import Iterator

INF = math.inf
LOGITS = np.random.default_rng(0).standard_normal((5, 3))
LABELS = np.array([0, 2, 1, 1, 0])
CLASS_WEIGHT = np.array([0.5, 2.0, 3.0])


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    with np.errstate(all="raise"):
        yield


def log_p(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def onehot(labels: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.eye(classes)[labels]


def both(logits: Any, target: Any, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient (of a random projection, if there are several losses)."""
    x = tg.tensor(logits, dtype=tg.float64, requires_grad=True)
    if "weight" in options:
        options["weight"] = tg.tensor(options["weight"], dtype=tg.float64)
    loss = F.cross_entropy(x, tg.tensor(target), **options)
    return loss.detach().numpy(), gradients(loss, [x])[0]


G = weights(()).item()  # what `gradients` multiplies a single loss by


# --- cross-entropy: the everyday case ---


def test_mean_cross_entropy_and_its_gradient() -> None:
    loss, grad = both(LOGITS, LABELS)
    np.testing.assert_allclose(loss, -(log_p(LOGITS) * onehot(LABELS)).sum() / 5)
    np.testing.assert_allclose(grad, G * (np.exp(log_p(LOGITS)) - onehot(LABELS)) / 5)


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_other_reductions(reduction: str) -> None:
    loss, grad = both(LOGITS, LABELS, reduction=reduction)
    each = -(log_p(LOGITS) * onehot(LABELS)).sum(1)
    np.testing.assert_allclose(loss, each.sum() if reduction == "sum" else each)
    g = G if reduction == "sum" else weights((5,)).numpy()[:, None]
    np.testing.assert_allclose(grad, g * (np.exp(log_p(LOGITS)) - onehot(LABELS)))


def test_the_everyday_mean_is_one_step_of_the_graph() -> None:
    loss = F.cross_entropy(tg.tensor(LOGITS, requires_grad=True), tg.tensor(LABELS))
    assert loss.grad_fn.name() == "NllLossBackward0"
    assert loss.grad_fn.next_functions[0][0].name() == "AccumulateGrad"


def test_float32_stays_float32() -> None:
    x = tg.tensor(LOGITS, dtype=tg.float32, requires_grad=True)
    for options in ({}, {"label_smoothing": 0.1}, {"ignore_index": 1}):
        loss = F.cross_entropy(x, tg.tensor(LABELS), **options)
        assert loss.dtype == np.float32
        assert gradients(loss, [x])[0].dtype == np.float32


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_huge_logits_give_their_difference_and_a_finite_gradient(
    dtype: Any, smoothing: float
) -> None:
    x = tg.tensor([[1000.0, 0.0, -1000.0]], dtype=dtype, requires_grad=True)
    loss = F.cross_entropy(x, tg.tensor([2]), label_smoothing=smoothing)
    assert loss.item() == pytest.approx(2000 - smoothing * 1000, rel=1e-6)
    g = gradients(loss, [x])[0] / G
    np.testing.assert_allclose(
        g, [[1 - smoothing / 3, -smoothing / 3, smoothing * 2 / 3 - 1]], 1e-6
    )


def test_minus_infinity_on_a_wrong_class_and_on_the_true_one() -> None:
    assert both([[0.0, -INF]], [1])[0] == INF
    for options in ({}, {"weight": [1.0, 2.0]}, {"ignore_index": 1}):
        loss, grad = both([[0.0, -INF]], [0], **options)
        assert loss == 0
        np.testing.assert_array_equal(grad, [[0, 0]])
    assert F.nll_loss(tg.tensor([[-INF, 0.0]]), tg.tensor([0])).item() == INF


def test_a_class_without_weight_and_without_chance_is_nan() -> None:
    x, weight = tg.tensor([[-INF, 0.0]]), tg.tensor([0.0, 1.0])
    for loss in (F.cross_entropy, F.nll_loss):
        assert math.isnan(loss(x, tg.tensor([0]), weight).item())


def test_the_logarithm_of_zero_is_minus_infinity_with_an_infinite_gradient() -> None:
    x = tg.tensor([0.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        y = tg.log(x)
    assert y.item() == -INF
    assert gradients(y, [x])[0].item() == math.copysign(INF, weights((1,)).item())


def test_rows_of_infinities_and_nan_show() -> None:
    for row in ([-INF, -INF], [INF, 0.0], [math.nan, 0.0]):
        assert math.isnan(both([row], [0])[0])


def test_logits_of_integers_are_refused() -> None:
    for target in (tg.tensor([0]), tg.tensor([[0.0, 1.0]])):
        with pytest.raises(
            RuntimeError, match=r"logits must be floats, and are int64; .*float\(\)"
        ):
            F.cross_entropy(tg.tensor([[1, 2]]), target)


# --- cross-entropy: labels ---


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": CLASS_WEIGHT}])
@pytest.mark.parametrize(("label", "position"), [(3, 1), (-1, 1), (-99, 1)])
def test_labels_outside_the_classes_are_named(
    options: dict[str, Any], label: int, position: int
) -> None:
    with pytest.raises(
        IndexError,
        match=f"label {label} at position {position} is outside the range 0 to 2 of 3 classes",
    ):
        both(LOGITS[:3], [0, label, 1], **options)


def test_nll_loss_checks_labels_too() -> None:
    with pytest.raises(IndexError, match="label -1 at position 0 is outside the range 0 to 2"):
        F.nll_loss(tg.tensor(LOGITS), tg.tensor([-1, 0, 0, 0, 0]))


@pytest.mark.parametrize("dtype", [tg.uint8, tg.int8, tg.int16, tg.int32, tg.int64], ids=str)
def test_any_integer_dtype_is_a_label(dtype: Any) -> None:
    label = tg.tensor(LABELS, dtype=dtype)
    for loss in (F.cross_entropy, F.nll_loss):
        expected = loss(tg.tensor(LOGITS), tg.tensor(LABELS)).item()
        assert loss(tg.tensor(LOGITS), label).item() == expected


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_labels_of_other_dtypes_and_shapes_say_what_was_expected(loss: Any) -> None:
    x = tg.tensor(LOGITS)
    with pytest.raises(RuntimeError, match=r"must be integers, and are float64; .*\.long\(\)"):
        loss(x, tg.tensor(LABELS.astype(float)))
    with pytest.raises(RuntimeError, match="must be integers, and are bool"):
        loss(x[:3], tg.tensor([True, True, True]))
    with pytest.raises(tg.ShapeError, match=r"of shape \(5,\), and .* \(5, 1\); .*squeeze\(-1\)"):
        loss(x, tg.tensor(LABELS[:, None]))
    with pytest.raises(tg.ShapeError, match=r"of shape \(\), and .* \(1,\); .*squeeze\(-1\)"):
        loss(x[0], tg.tensor([0]))
    with pytest.raises(tg.ShapeError, match=r"\(5, 3\) need labels of shape \(5,\).* \(4,\)$"):
        loss(x, tg.tensor(LABELS[:4]))
    with pytest.raises(tg.ShapeError, match=r"\(5, 3\) need labels of shape \(5,\).* \(1,\)$"):
        loss(x, tg.tensor(LABELS[:1]))
    with pytest.raises(tg.ShapeError, match=r"need labels of shape \(5,\).* shape \(5, 3\)$"):
        loss(x, tg.tensor(onehot(LABELS).astype(int)))
    with pytest.raises(tg.ShapeError, match=r"need labels of shape \(5, 2\).* \(5,\)$"):
        loss(tg.stack([x, x], 2), tg.tensor(LABELS))
    with pytest.raises(tg.ShapeError, match=r"needs? a dimension of classes, and ha(s|ve) none"):
        loss(tg.tensor(1.0), tg.tensor(0))
    with pytest.raises(
        TypeError, match=r"target must be a Tensor, not a numpy\.ndarray; wrap data"
    ):
        loss(x, LABELS)
    with pytest.raises(TypeError, match=r"input must be a Tensor, not a builtins\.list; wrap data"):
        loss([[1.0]], tg.tensor([0]))


# --- cross-entropy: ignore_index, weight, label_smoothing ---


def test_ignored_labels_have_no_part_in_the_mean_or_the_gradient() -> None:
    labels = np.array([0, -100, 1, -100, 0])
    kept = labels >= 0
    loss, grad = both(LOGITS, labels)
    expected, expected_grad = both(LOGITS[kept], labels[kept])
    np.testing.assert_allclose(loss, expected)
    np.testing.assert_allclose(grad[kept], expected_grad)
    np.testing.assert_array_equal(grad[~kept], np.zeros((2, 3)))
    np.testing.assert_array_equal(both(LOGITS, labels, reduction="none")[0] == 0, ~kept)


@pytest.mark.parametrize("ignored", [0, 1, 2])
def test_any_label_can_be_the_ignored_one(ignored: int) -> None:
    kept = np.not_equal(LABELS, ignored)
    np.testing.assert_allclose(
        both(LOGITS, LABELS, ignore_index=ignored)[0], both(LOGITS[kept], LABELS[kept])[0]
    )


def test_the_ignored_label_may_lie_beside_the_classes() -> None:
    assert both(LOGITS[:2], [7, 1], ignore_index=7)[0] == both(LOGITS[1:2], [1])[0]
    assert both([[5.0], [6.0]], [0, -100])[0] == 0  # and there may be one class alone


@pytest.mark.parametrize("options", [{}, {"weight": CLASS_WEIGHT}, {"label_smoothing": 0.2}])
def test_all_ignored_is_nan_and_a_sum_of_none_is_zero(options: dict[str, Any]) -> None:
    assert math.isnan(both(LOGITS[:2], [-100, -100], **options)[0])
    assert both(LOGITS[:2], [-100, -100], reduction="sum", **options)[0] == 0


def test_an_empty_batch_is_nan_on_average_and_zero_in_sum() -> None:
    x = tg.zeros(0, 3, requires_grad=True)
    label = tg.zeros(0, dtype=tg.int64)
    for loss in (F.cross_entropy, F.nll_loss):
        mean = loss(x, label)
        assert math.isnan(mean.item())
        assert gradients(mean, [x])[0].shape == (0, 3)
        total = loss(x, label, reduction="sum")
        assert total.item() == 0
        assert gradients(total, [x])[0].shape == (0, 3)


def test_class_weights_weigh_the_mean() -> None:
    loss, grad = both(LOGITS, LABELS, weight=CLASS_WEIGHT)
    w = CLASS_WEIGHT[LABELS]
    each = -(log_p(LOGITS) * onehot(LABELS)).sum(1)
    np.testing.assert_allclose(loss, (w * each).sum() / w.sum())
    expected = (np.exp(log_p(LOGITS)) - onehot(LABELS)) * w[:, None] / w.sum()
    np.testing.assert_allclose(grad, G * expected)


def test_class_weights_leave_ignored_labels_out_of_the_total() -> None:
    np.testing.assert_allclose(
        both(LOGITS, LABELS, weight=CLASS_WEIGHT, ignore_index=1)[0],
        both(LOGITS[LABELS != 1], LABELS[LABELS != 1], weight=CLASS_WEIGHT)[0],
    )


def test_class_weights_of_another_size_are_refused() -> None:
    for loss in (F.cross_entropy, F.nll_loss):
        for wrong in (tg.ones(2), tg.ones(4), tg.ones(1, 3)):
            with pytest.raises(tg.ShapeError, match=r"weight needs shape \(3,\), one number a cl"):
                loss(tg.tensor(LOGITS), tg.tensor(LABELS), wrong)


@pytest.mark.parametrize("smoothing", [0.3, 1.0])
@pytest.mark.parametrize("weight", [None, CLASS_WEIGHT])
def test_label_smoothing_mixes_in_the_uniform_distribution(weight: Any, smoothing: float) -> None:
    w = np.ones(3) if weight is None else weight
    options = {} if weight is None else {"weight": weight}
    loss, _ = both(LOGITS, LABELS, label_smoothing=smoothing, **options)
    target = (1 - smoothing) * onehot(LABELS) + smoothing / 3
    np.testing.assert_allclose(loss, -(target * w * log_p(LOGITS)).sum() / w[LABELS].sum())


@pytest.mark.parametrize("smoothing", [-0.1, 1.5])
def test_label_smoothing_outside_of_0_to_1_is_refused(smoothing: float) -> None:
    with pytest.raises(RuntimeError, match=r"cross_entropy: label_smoothing must lie in \[0, 1\]"):
        both(LOGITS, LABELS, label_smoothing=smoothing)
    with pytest.raises(RuntimeError, match="CrossEntropyLoss: label_smoothing must lie in"):
        nn.CrossEntropyLoss(label_smoothing=smoothing)


# --- cross-entropy: other shapes and targets ---


def test_class_probabilities_as_target() -> None:
    target = np.exp(log_p(LOGITS[::-1]))
    loss, grad = both(LOGITS, target)
    np.testing.assert_allclose(loss, -(target * log_p(LOGITS)).sum() / 5)
    np.testing.assert_allclose(grad, G * (np.exp(log_p(LOGITS)) - target) / 5, atol=1e-15)
    each, _ = both(LOGITS, target, reduction="none")
    np.testing.assert_allclose(each, -(target * log_p(LOGITS)).sum(1))
    loss, _ = both(LOGITS, target, weight=CLASS_WEIGHT, label_smoothing=0.3)
    mixed = CLASS_WEIGHT * (0.7 * target + 0.1)
    np.testing.assert_allclose(loss, -(mixed * log_p(LOGITS)).sum() / 5)


def test_probabilities_of_one_and_zero_are_labels() -> None:
    np.testing.assert_allclose(both(LOGITS, onehot(LABELS))[0], both(LOGITS, LABELS)[0])


@pytest.mark.parametrize("options", [{}, {"weight": CLASS_WEIGHT}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_label_for_each_place_of_an_image(reduction: str, options: dict[str, Any]) -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5))
    label = np.random.default_rng(2).integers(0, 3, (2, 4, 5))
    label[0, 1, 2] = -100
    loss, _ = both(x, label, reduction=reduction, **options)
    rows = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    expected, _ = both(rows, label.reshape(-1), reduction=reduction, **options)
    np.testing.assert_allclose(loss, expected if reduction == "mean" else expected.reshape(2, 4, 5))


def test_probabilities_for_each_place_of_a_sequence() -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 4))
    target = np.random.default_rng(2).random((2, 3, 4))
    loss, grad = both(x, target, reduction="none")
    np.testing.assert_allclose(loss, -(target * log_p(x)).sum(1))
    assert grad.shape == (2, 3, 4)


def test_a_single_sample_without_batch() -> None:
    for options in ({}, {"label_smoothing": 0.1}, {"weight": CLASS_WEIGHT}, {"reduction": "none"}):
        loss, grad = both(LOGITS[0], 2, **options)
        assert loss.shape == ()
        expected, expected_grad = both(LOGITS[:1], [2], **{**options, "reduction": "mean"})
        np.testing.assert_allclose(loss, expected)
        np.testing.assert_allclose(grad, expected_grad[0])
    assert math.isnan(both(LOGITS[0], -100)[0])
    np.testing.assert_allclose(
        both(LOGITS[0], onehot(LABELS)[1])[0], both(LOGITS[:1], LABELS[1:2])[0]
    )


def test_cross_entropy_is_nll_of_log_softmax() -> None:
    x, label = tg.tensor(LOGITS), tg.tensor([0, 2, -100, 1, 0])
    weight = tg.tensor(CLASS_WEIGHT)
    for reduction in ("mean", "sum", "none"):
        np.testing.assert_allclose(
            F.nll_loss(F.log_softmax(x, 1), label, weight, reduction=reduction).numpy(),
            F.cross_entropy(x, label, weight, reduction=reduction).numpy(),
        )


# --- nll_loss and mse_loss ---


def test_nll_loss_picks_and_its_gradient_is_minus_the_share() -> None:
    x = tg.tensor(LOGITS, requires_grad=True)
    loss = F.nll_loss(x, tg.tensor(LABELS), tg.tensor(CLASS_WEIGHT))
    w = CLASS_WEIGHT[LABELS]
    np.testing.assert_allclose(loss.item(), -(w * LOGITS[np.arange(5), LABELS]).sum() / w.sum())
    expected = -onehot(LABELS) * w[:, None] / w.sum()
    np.testing.assert_allclose(gradients(loss, [x])[0], G * expected)


def test_nll_loss_of_one_sample_and_of_places() -> None:
    assert F.nll_loss(tg.tensor([-0.5, -1.0]), tg.tensor(1)).item() == 1.0
    x = tg.tensor(np.arange(12.0).reshape(1, 3, 4))
    np.testing.assert_array_equal(
        F.nll_loss(x, tg.tensor([[0, 1, 2, 0]]), reduction="none").numpy(), [[0, -5, -10, -3]]
    )


@pytest.mark.parametrize(("reduction", "share"), [("mean", 1 / 15), ("sum", 1.0)])
def test_mse_loss_and_its_gradients(reduction: str, share: float) -> None:
    x, t = (tg.tensor(a, requires_grad=True) for a in (LOGITS, LOGITS[::-1]))
    loss = F.mse_loss(x, t, reduction=reduction)
    d = LOGITS - LOGITS[::-1]
    np.testing.assert_allclose(loss.item(), (d**2).sum() * share)
    gx, gt = gradients(loss, [x, t])
    np.testing.assert_allclose(gx, G * 2 * d * share)
    np.testing.assert_allclose(gt, -gx)


def test_mse_loss_unreduced_promotes_and_never_warns() -> None:
    each = F.mse_loss(tg.tensor([1.0, 1e30]), tg.tensor([2.0, 0.0]), reduction="none")
    np.testing.assert_array_equal(each.numpy(), [1, INF])
    assert F.mse_loss(tg.ones(2), tg.ones(2, dtype=tg.float64)).dtype == np.float64


def test_mse_loss_warns_when_it_broadcasts() -> None:
    with pytest.warns(
        UserWarning, match=r"input has shape \(4, 1\) and the target \(4,\); .*equal"
    ) as warned:
        loss = F.mse_loss(tg.zeros(4, 1), tg.ones(4))
    assert warned[0].filename == __file__
    assert loss.item() == 1


def test_mse_loss_takes_bools_for_zeros_and_ones() -> None:
    x, mask = tg.tensor([0.0, 1.0, 4.0]), tg.tensor([True, True, False])
    for pair in ((x, mask), (mask, x)):
        assert F.mse_loss(*pair, reduction="none").tolist() == [1, 0, 16]
        assert F.mse_loss(*pair).dtype == tg.float32
    with pytest.raises(tg.DtypeError, match="bools cannot be subtracted"):
        F.mse_loss(mask, mask)


def test_mse_loss_refuses_what_is_no_tensor() -> None:
    with pytest.raises(
        TypeError, match=r"mse_loss: target must be a Tensor, not a builtins\.float"
    ):
        F.mse_loss(tg.ones(1), 1.0)
    with pytest.raises(TypeError, match=r"mse_loss: input must be a Tensor, not a builtins\.list"):
        F.mse_loss([1.0], tg.ones(1))


# --- modules, and reduction ---


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss, F.mse_loss])
def test_unknown_reductions_are_refused(loss: Any) -> None:
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', not 'max'"):
        loss(tg.zeros(1, 2), tg.tensor([0]), reduction="max")


def test_modules_check_their_reduction_when_they_are_made() -> None:
    with pytest.raises(ValueError, match="CrossEntropyLoss: reduction must be"):
        nn.CrossEntropyLoss(reduction="avg")
    with pytest.raises(ValueError, match="MSELoss: reduction must be"):
        nn.MSELoss(reduction="avg")


def test_modules_pass_their_options_on() -> None:
    x, label, weight = tg.tensor(LOGITS), tg.tensor(LABELS), tg.tensor(CLASS_WEIGHT)
    options = {"ignore_index": 1, "reduction": "none", "label_smoothing": 0.1}
    np.testing.assert_array_equal(
        nn.CrossEntropyLoss(weight, **options)(x, label).numpy(),
        F.cross_entropy(x, label, weight, **options).numpy(),
    )
    assert nn.MSELoss(reduction="sum")(x, x + 1).item() == pytest.approx(15)
    assert repr(nn.CrossEntropyLoss()) == "CrossEntropyLoss()"


def test_the_class_weight_is_part_of_the_modules_state() -> None:
    loss = nn.CrossEntropyLoss(tg.ones(3))
    assert list(loss.state_dict()) == ["weight"]
    assert list(loss.parameters()) == []
    assert loss.double().weight.dtype == np.float64
