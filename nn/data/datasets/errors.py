"""The one error for a data file that cannot be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REPLACE_IT = "Put an intact copy in its place, or remove it and pass download=True"


class DatasetError(ValueError):
    """A data file that does not hold what it should.

    The message names the file, says what is wrong with it and what to do.

    Parameters
    ----------
    path : Path
        The file at fault.
    problem : str
        What is wrong, as the rest of a sentence that begins with the path.
    remedy : str
        What the reader of the message can do.
    """

    def __init__(self, path: Path, problem: str, remedy: str = REPLACE_IT) -> None:
        # All three go to `args`, so that the error survives pickling by a loader's worker process.
        super().__init__(path, problem, remedy)
        self.path = path
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}. {self.remedy}."
