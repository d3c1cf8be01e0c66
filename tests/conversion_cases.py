"""Every way to convert a tensor to another floating dtype; the table of operations keeps to one."""

from __future__ import annotations

from typing import Any

import tinygrad_np as tg

DTYPES = {"half": tg.float16, "float": tg.float32, "double": tg.float64}
_NAMES = {"half": "Half", "float": "Float", "double": "Double"}


def _zero(dtype: Any) -> tg.Tensor:
    return tg.zeros(1, dtype=dtype)


CONVERSIONS: dict[str, Any] = {
    "by its name": lambda x, short: getattr(x, short)(),
    "to(dtype)": lambda x, short: x.to(DTYPES[short]),
    "to(dtype=)": lambda x, short: x.to(dtype=DTYPES[short]),
    "to(device, dtype)": lambda x, short: x.to("cpu", DTYPES[short]),
    "to(other)": lambda x, short: x.to(_zero(DTYPES[short])),
    "to(dtype, copy)": lambda x, short: x.to(DTYPES[short], copy=True),
    "type(dtype)": lambda x, short: x.type(DTYPES[short]),
    "type(name)": lambda x, short: x.type(f"torch.{_NAMES[short]}Tensor"),
    "type_as": lambda x, short: x.type_as(_zero(DTYPES[short])),
    "as_tensor": lambda x, short: tg.as_tensor(x, dtype=DTYPES[short]),
    "pin_memory": lambda x, short: getattr(x.pin_memory(), short)(),
    "sum(dtype=)": lambda x, short: x.sum(0, dtype=DTYPES[short]),
}
