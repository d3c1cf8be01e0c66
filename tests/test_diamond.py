"""Start here: one value that is used twice, and its gradients worked out by hand."""

#           x
#         /   \
#     a = 3x   b = x²
#         \   /
#         y = a·b         y = 3x³, y' = 9x², y" = 18x, y"' = 18

from __future__ import annotations

import numpy as np

import tinygrad_np as tg


def test_diamond() -> None:
    x = tg.tensor([1.0, -2.0], requires_grad=True)
    a = 3 * x
    b = x * x
    y = a * b

    y.backward(tg.tensor([10.0, 1.0]))  # dy = (10, 1): y' = 9, 36

    np.testing.assert_array_equal(y.detach().numpy(), [3.0, -24.0])
    np.testing.assert_array_equal(x.grad.numpy(), [90.0, 36.0])


def test_each_path_of_the_diamond() -> None:
    x = tg.tensor([1.0, -2.0], requires_grad=True)
    a = 3 * x
    b = x * x
    y = a * b
    dy = tg.tensor([10.0, 1.0])

    through_a, through_b, both = tg.autograd.grad(y, (a, b, x), dy)

    np.testing.assert_array_equal(through_a.numpy(), [10.0 * 1, 1.0 * 4])  # dy·b
    np.testing.assert_array_equal(through_b.numpy(), [10.0 * 3, 1.0 * -6])  # dy·a
    np.testing.assert_array_equal(both.numpy(), [10 * 3 + 30 * 2 * 1, 4 * 3 + -6 * 2 * -2])


def test_diamond_of_third_order() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    y = (3 * x) * (x * x)

    (first,) = tg.autograd.grad(y, x, create_graph=True)
    (second,) = tg.autograd.grad(first, x, create_graph=True)
    (third,) = tg.autograd.grad(second, x)

    assert (first.item(), second.item(), third.item()) == (36.0, 36.0, 18.0)


def test_a_layer_by_hand() -> None:
    # y = relu(W·x + b), loss = c·y: db = c where y > 0, dW = db·xᵀ, dx = Wᵀ·db
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    W = tg.tensor([[1.0, -1.0], [0.5, 0.5]], requires_grad=True)
    b = tg.tensor([0.0, 1.0], requires_grad=True)

    (W @ x + b).relu().backward(tg.tensor([7.0, 2.0]))  # before relu: (-1, 2.5)

    np.testing.assert_array_equal(b.grad.numpy(), [0.0, 2.0])
    np.testing.assert_array_equal(W.grad.numpy(), [[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 1.0])
