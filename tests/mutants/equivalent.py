"""Changes that no test can notice, and why: each reviewed by hand.

A key is a pattern over `file::unit: old => new`, blanks squeezed. A pattern that no change matches
is reported: what it spoke of is gone.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
