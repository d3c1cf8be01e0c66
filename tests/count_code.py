"""Count lines of code: what is left without comments, docstrings and blank lines."""

import ast
import sys
import tokenize
from pathlib import Path


def lines_of_code(path: Path) -> int:
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            first = body[0]
            if isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                docstrings.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    used: set[int] = set()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type not in silent | {tokenize.ENCODING, tokenize.ENDMARKER}:
                used.update(range(token.start[0], token.end[0] + 1))
    return len(used - docstrings)


if __name__ == "__main__":
    counts = {name: lines_of_code(Path(name)) for name in sys.argv[1:]}
    total = sum(counts.values())
    each = ", ".join(f"{name} {count}" for name, count in counts.items())
    sys.stdout.write(f"lines of code: {each}; {total} together\n")
