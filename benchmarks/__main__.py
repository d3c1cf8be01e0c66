"""Run the benchmarks and print their tables; with --write, renew them in README.md."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks import cnn, epoch, harness, imports, layers, memory, mlp, ops, random_numbers

README = Path(__file__).with_name("README.md")
BENCHMARKS = {
    "ops": ops,
    "mlp": mlp,
    "cnn": cnn,
    "layers": layers,
    "memory": memory,
    "random": random_numbers,
    "epoch": epoch,
    "imports": imports,
}


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--write", action="store_true", help="renew the tables in README.md")
    parser.add_argument("--turns", type=int, default=harness.TURNS, help="turns of each contender")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    if options.turns < 2:
        parser.error("quartiles need at least 2 turns")

    def give(name: str, text: str) -> None:
        print(f"## {name}\n\n{text}", flush=True)
        if options.write:
            renew(README, name, text)

    give("machine", harness.machine())
    for name in options.names or BENCHMARKS:
        start = time.perf_counter()
        give(name, BENCHMARKS[name].report(options.turns))
        print(f"({name}: {time.perf_counter() - start:.0f} s)\n", flush=True)


def renew(page: Path, name: str, text: str) -> None:
    """Put the text between the page's two marks of that name; all else stays."""
    opening, closing = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(opening)
    _, closed, after = rest.partition(closing)
    if not (found and closed):
        raise SystemExit(f"{page.name} lacks the marks {opening} and {closing}")
    page.write_text(f"{before}{opening}\n{text.strip()}\n{closing}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
