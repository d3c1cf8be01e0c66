"""How digits are written: pen strokes through control points, several handwritings per digit.

A handwriting is a short path in text: points `x,y` on paper (x to the right, y *down*, about 60
wide and 100 tall), strokes separated by `|`. A stroke is a smooth curve through its points; a
sharp corner is the end of one stroke and the start of the next. Equal points are one point: they
stay together when points are moved, so corners stay joined and a loop that ends where it began
stays closed.

Catmull-Rom curves are linear in their control points, so a whole handwriting is one matrix:
`curve (K, 2) = basis (K, P) @ points (P, 2)`. Writing many different digits is then one batched
matrix product, whatever their strokes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_FINE = 200  # places per segment among which the samples of a curve are chosen

# One row per digit, 0 to 9: (how often, path), ...
HANDWRITINGS: tuple[tuple[tuple[float, str], ...], ...] = (
    (  # 0
        (4, "32,0 10,16 0,50 10,84 30,100 52,84 62,50 52,14 32,0"),  # closed oval
        (3, "44,4 22,2 4,32 4,68 22,98 46,92 60,60 56,22 38,2 22,14"),  # overlaps at the top
        (2, "50,14 34,0 14,10 0,48 8,84 28,100 50,86 62,54 58,22 40,10 24,24"),  # inner hook
        (2, "38,4 16,10 0,46 6,82 28,100 50,86 64,50 56,14 42,8"),  # barely closed
        (1, "68,2 40,0 12,18 2,54 12,88 32,100 54,84 62,50 52,18 34,4"),  # entry stroke
        (2, "4,24 30,2 56,22 62,50 52,84 30,100 10,86 0,50 10,14 36,4"),  # begins at the left
        (1, "46,8 24,0 4,24 2,66 20,98 46,92 62,60 58,24 36,8 | 50,12 12,86"),  # slashed
        (1, "8,30 22,6 46,0 64,24 60,66 36,98 10,92 0,60 16,22 50,14"),  # heavy top, overlapping
        (1, "0,10 18,2 50,4 64,40 52,84 26,100 6,82 4,44 20,10 40,-4"),  # begins outside, left
        (1, "30,0 14,12 8,50 14,88 30,100 46,88 52,50 46,12 30,0"),  # narrow
        (2, "46,0 14,12 0,50 12,88 42,100 76,88 90,50 78,12 46,0"),  # wide
    ),
    (  # 1
        (10, "30,0 30,100"),
        (2, "32,0 34,50 28,100"),
        (2, "14,18 32,0 | 32,0 30,100"),  # flag
        (1, "22,10 34,0 | 34,0 26,100"),  # small flag
        (1.5, "8,20 32,0 | 32,0 30,98 | 2,99 30,98 58,97"),  # flag and foot
        (0.5, "30,0 30,98 | 6,99 30,98 54,97"),  # foot
    ),
    (  # 2
        (3, "4,22 18,3 38,2 52,18 47,42 28,68 4,97 | 4,97 34,96 64,97"),  # corner
        (3, "4,20 20,2 42,4 52,24 42,54 20,84 4,92 4,80 18,74 36,86 52,97 66,92"),  # loop
        (2, "6,22 26,2 48,10 48,38 30,70 10,98 0,88 12,76 34,86 56,96"),  # small loop
        (2, "0,18 22,2 44,8 50,30 38,62 18,92 2,98 -6,82 12,70 40,84 76,92"),  # big loop
        (2, "2,26 6,8 28,0 50,12 48,36 26,70 6,94 | 6,94 26,86 48,92 70,88"),  # wavy base
        (2, "2,10 26,2 52,10 50,36 26,70 0,98 | 0,98 40,94 84,96"),  # wide base
        (1, "4,20 30,2 50,22 40,56 6,84 | 6,84 50,88 104,82"),  # long flat base
        (1, "14,34 2,22 14,4 36,0 52,18 46,44 24,74 6,96 | 6,96 36,92 62,96"),  # curled head
        (1, "10,30 14,4 40,0 56,20 50,50 28,84 6,96 -4,86 10,72 34,82 62,98"),  # tall head, loop
        (1, "2,24 22,0 46,6 46,34 22,72 | 22,72 2,98 | 2,98 24,100 60,92"),
        (2, "10,28 16,6 40,0 52,18 42,46 22,74 6,92 -2,84 8,74 26,84 36,94 60,92"),  # flat loop
        (1, "0,26 12,6 36,2 48,20 46,50 40,80 22,98 2,94 4,78 24,72 44,84 64,94"),  # round loop
        (1, "8,20 26,0 46,8 46,30 34,60 16,92 | 16,92 0,88 4,76 24,80 60,98"),  # pointed loop
        (1, "0,20 24,0 52,8 52,36 24,60 4,84 14,98 30,86 20,70 40,80 70,94"),  # round loop, wide
        (1, "10,14 32,0 50,14 48,50 38,84 16,100 -2,86 16,70 44,84 78,88"),  # tall loop
        (2, "8,16 22,0 46,6 50,30 34,66 10,94 -6,84 4,70 24,76 44,92 64,98"),  # leaning loop
        (2, "6,12 24,0 46,10 46,40 32,76 12,98 -4,94 0,80 24,80 66,94"),  # loop, straight base
        (1, "4,30 10,10 30,0 46,12 46,44 36,80 22,98 10,94 14,82 34,84 56,90"),  # slim loop
        (1, "16,6 34,0 44,14 38,48 24,88 | 24,88 6,98 | 6,98 30,92 56,98"),  # slim
        (1, "6,4 46,2 | 46,2 44,30 4,98 | 4,98 60,96"),  # like a Z
    ),
    (  # 3
        (3, "4,12 24,0 46,6 48,26 22,46 | 22,46 50,54 56,78 34,100 2,90"),  # corner
        (2, "4,16 26,0 48,10 44,32 26,45 | 26,45 50,54 54,80 30,100 -2,96"),
        (2, "4,4 28,3 54,3 | 54,3 26,42 | 26,42 54,54 54,82 30,100 2,92"),  # flat top
        (2, "4,14 28,0 48,12 42,36 24,47 16,42 26,40 48,54 54,78 34,99 4,92"),  # small loop
        (1, "4,8 30,0 50,14 40,38 36,48 54,64 52,90 26,100 0,94"),  # soft middle
        (1, "10,20 12,4 34,0 50,14 40,34 20,44 | 20,44 52,50 64,72 44,98 8,98 0,82"),  # curled
        (1, "4,6 30,0 42,10 36,30 22,40 | 22,40 48,42 64,62 54,92 24,100 -4,88"),  # big belly
        (1, "0,14 30,0 58,12 52,34 24,44 | 24,44 48,50 50,72 30,92 -6,100"),  # big head
        (1, "8,12 28,0 44,8 38,26 20,38 | 20,38 44,44 58,66 46,94 16,100 -6,90 -2,80"),  # hooked
        (1, "16,4 44,0 56,12 40,32 22,42 | 22,42 40,46 44,66 28,88 -4,96"),  # leaning
        (1, "4,18 18,2 42,2 52,20 36,44 14,50 36,48 56,64 50,90 24,100 2,86"),  # one stroke
        (1, "10,8 30,0 42,12 34,36 26,44 | 26,44 42,52 48,74 34,96 6,94"),  # slim
        (1, "2,2 28,4 60,0 | 60,0 40,22 24,36 | 24,36 52,44 62,66 46,92 2,98"),  # like a Z above
        (1, "8,6 30,0 48,8 40,26 20,36 | 20,36 44,40 52,60 42,84 0,100"),  # waist high up
        (1, "8,14 28,0 46,14 44,44 24,58 | 24,58 46,60 52,80 34,98 4,96"),  # waist low down
        (1, "0,16 20,0 50,4 48,24 28,40 36,46 54,58 52,86 24,100 0,92"),  # shallow waist
        (1, "4,4 22,8 50,2 | 50,2 28,34 | 28,34 46,42 52,68 36,92 4,100"),
        (1, "0,10 34,0 56,10 40,34 8,48 | 8,48 44,48 62,66 48,92 0,100"),  # wide
    ),
    (  # 4
        (3, "8,4 4,30 10,50 30,52 54,44 | 54,0 52,44 48,100"),  # open
        (2, "10,0 2,50 | 2,50 30,52 64,50 | 50,6 47,50 44,100"),  # open, angular
        (2, "26,0 2,50 | 2,50 30,54 70,46 | 58,4 46,52 36,100"),  # open, leaning
        (2, "40,0 4,60 | 4,60 34,62 68,60 | 46,20 44,60 40,100"),  # open, diagonal
        (1, "46,0 2,62 | 2,62 34,63 66,62 | 46,0 44,50 42,100"),  # closed
        (1, "36,2 16,18 2,48 12,56 34,52 56,40 | 58,4 52,50 46,100"),  # round, leaning
        (1, "0,0 8,36 30,44 52,30 | 52,0 52,30 52,100"),  # like a y
        (1, "44,0 14,28 2,58 | 2,58 30,60 60,54 | 44,0 48,50 44,100"),  # closed, pointed
        (2, "4,0 2,38 10,52 30,52 50,38 | 54,-4 50,38 46,100"),  # like a u with a tail
        (1, "0,0 0,36 16,48 64,40 | 72,0 66,40 58,100"),  # wide
        (1, "8,6 2,46 | 2,46 30,44 52,36 | 48,20 46,60 40,100"),  # short right side
    ),
    (  # 5
        (3, "56,2 16,3 | 16,3 10,42 | 10,42 32,36 52,52 50,82 26,100 0,90"),
        (2, "60,0 34,4 18,10 14,30 26,44 46,58 48,82 26,100 0,94"),  # one soft stroke
        (2, "16,4 12,44 | 12,44 36,38 54,58 46,88 20,100 0,94 | 16,4 40,4 68,0"),
        (2, "86,0 50,4 32,8 | 32,8 22,42 | 22,42 42,46 50,64 40,90 14,100 0,88"),  # long roof
        (1, "18,14 14,46 | 14,46 40,44 52,64 42,92 18,100 0,92 | 26,6 66,2"),  # detached roof
        (1, "50,0 18,2 | 18,2 6,50 | 6,50 30,36 54,44 60,70 40,98 8,98 0,84"),  # big belly
        (1, "60,4 28,0 10,14 16,36 44,54 50,80 28,98 4,90 4,78"),  # like an S
        (1, "70,0 30,4 | 30,4 8,52 | 8,52 40,54 48,72 32,94 -6,100"),  # low belly
        (1, "96,8 44,6 | 44,6 30,40 | 30,40 56,52 54,80 28,98 0,86"),  # long roof, low
        (1, "60,4 24,8 | 24,8 4,46 | 4,46 40,46 56,66 40,92 8,100"),
        (1, "58,0 24,4 12,20 12,44 34,42 54,58 54,84 32,100 8,94 6,78 20,72"),  # foot nearly shut
        (1, "76,4 40,2 | 40,2 22,46 | 22,46 44,56 44,78 24,96 -4,94"),  # leaning
        (1, "100,0 60,6 40,14 34,40 | 34,40 56,54 50,80 24,96 0,92"),  # roof as an arm
        (1, "46,2 8,2 | 8,2 4,36 | 4,36 30,34 46,54 44,92 22,100 6,88 8,72"),  # curled foot
    ),
    (  # 6
        (3, "44,0 18,26 4,62 12,92 34,100 52,82 46,60 26,60 8,80"),
        (2, "30,0 12,36 4,72 16,96 40,96 52,76 40,60 20,68 10,86"),
        (1, "54,4 32,4 10,36 2,70 14,96 40,98 54,76 40,56 18,62 6,80"),  # hooked top
        (2, "24,0 8,40 4,74 14,98 36,98 46,80 36,66 18,76 12,92"),  # small loop
        (1, "70,0 34,22 8,58 6,88 28,100 48,88 46,66 26,66 10,84"),  # leaning
        (1, "20,0 4,40 4,80 24,100 54,94 66,66 48,46 24,58 14,80"),  # big loop
        (2, "12,0 0,44 8,86 36,100 66,88 72,62 56,50 36,62 34,84 44,98"),  # loop on the right
        (1, "36,0 10,34 2,74 18,100 40,88 38,66 16,66 2,76"),  # loop crosses the stem
        (1, "26,0 10,50 8,90 20,100 38,90 38,70 24,66"),  # loop left open
    ),
    (  # 7
        (4, "2,6 30,5 58,3 | 58,3 40,40 28,70 20,100"),
        (2, "2,10 24,2 46,4 54,16 44,44 32,72 26,100"),  # round corner
        (2, "4,22 6,6 | 6,6 32,6 60,4 | 60,4 42,40 32,70 28,100"),  # serif
        (2, "2,6 30,5 58,3 | 58,3 40,40 28,70 20,100 | 12,52 40,50 66,48"),  # bar
        (1, "0,12 20,4 42,12 62,2 | 62,2 44,40 32,70 26,100"),  # wavy roof
        (1, "2,2 40,2 | 40,2 38,50 34,100"),  # upright
        (1, "4,30 8,4 | 8,4 56,4 | 56,4 50,50 46,100"),  # square
        (1, "0,12 14,2 30,12 56,2 | 56,2 40,50 32,100 | 14,56 62,50"),  # wavy roof and bar
        (1, "0,8 60,0 | 60,0 44,44 34,100 | 4,44 74,40"),  # wide bar
        (1, "6,34 0,10 14,2 26,16 52,4 | 52,4 44,44 24,100"),  # with an m's start
        (1, "2,2 66,2 | 66,2 38,52 26,100 | 18,54 64,54"),  # wide with bar
        (1, "6,26 14,8 34,6 52,0 | 52,0 30,56 10,100"),  # leaning
        (1, "0,28 2,6 26,2 54,10 | 54,10 46,50 40,100"),  # arched roof, upright
        (1, "0,4 40,6 80,2 | 80,2 46,44 24,96"),  # wide
        (1, "2,4 54,4 | 54,4 44,36 20,62 14,98"),  # bent
        (1, "2,6 54,4 | 54,4 36,60 30,100 | 14,50 66,50"),  # bar, straight
        (1, "2,40 6,8 | 6,8 26,14 58,4 | 58,4 44,50 34,100"),  # long serif
        (1, "0,14 22,0 50,6 48,30 30,62 14,100"),  # round, leaning
    ),
    (  # 8
        (3, "50,12 30,0 12,14 18,34 34,48 50,66 48,90 26,100 8,88 12,66 30,48 48,32 50,12"),
        (3, "56,10 34,0 14,10 18,32 36,50 48,72 40,94 20,100 6,84 18,62 40,44 54,26 58,6"),  # open
        (2, "30,0 12,10 12,36 30,46 48,36 48,10 30,0 | 30,46 6,58 6,88 30,100 54,88 54,58 30,46"),
        (1, "44,8 30,0 20,12 24,28 36,46 52,70 44,94 22,100 6,86 12,64 32,46 44,28 44,8"),
        (2, "60,8 36,0 10,8 8,30 30,46 44,66 40,92 26,100 14,88 20,66 38,46 58,28 60,8"),  # head
        (2, "52,8 34,0 18,14 24,36 42,60 40,92 24,100 12,90 16,70 34,46 50,28 60,4"),  # slim, open
        (1, "48,24 48,6 28,0 12,14 20,36 44,56 50,84 28,100 6,90 8,66 34,46 48,24"),
        (1, "30,0 16,10 18,36 30,46 46,34 44,10 30,0 | 30,46 10,60 14,90 30,100 50,88 48,60 30,46"),
        (1, "54,16 36,0 8,8 8,30 26,44 48,60 50,88 26,100 8,84 18,58 54,30 72,6"),  # arm, right
        (1, "60,14 44,0 20,4 12,20 24,36 46,52 52,78 34,100 10,94 8,74 26,56 40,44"),  # wide open
        (1, "54,2 28,4 10,18 26,38 50,56 50,84 28,100 8,88 14,66 60,18"),  # open, straight back
        (1, "62,4 40,0 20,12 22,30 40,48 40,76 22,98 6,90 10,70 36,46 56,24"),  # open, leaning
        (1, "50,10 28,0 6,12 8,32 30,46 44,66 38,92 22,96 16,80 30,52 52,34 54,14"),  # small foot
        (1, "66,2 38,4 16,12 20,32 38,48 40,80 26,100 12,88 20,62 44,36 70,12"),  # wide open head
        (1, "56,10 30,0 4,12 10,32 32,44 58,62 56,90 28,100 0,88 4,62 32,44 54,30 56,10"),  # wide
    ),
    (  # 9
        (3, "50,10 30,0 8,14 4,36 18,50 40,40 50,10 | 50,10 48,50 42,100"),
        (2, "52,10 32,0 10,12 6,36 22,48 44,36 52,10 | 52,10 52,50 40,86 12,100"),  # curved tail
        (2, "50,14 34,0 12,10 4,34 16,48 38,42 52,18 | 52,18 40,60 28,100"),  # slanted tail
        (1, "52,8 30,2 8,20 10,42 30,46 50,26 56,4 | 50,26 48,60 46,100"),  # open at the top
        (2, "46,8 30,0 16,10 14,28 28,36 44,26 46,8 | 46,8 48,40 44,100"),  # small head
        (1, "50,6 20,4 0,30 12,52 40,40 54,10 | 54,10 44,50 36,100"),  # pointed head
        (1, "44,20 50,4 28,0 8,16 10,36 30,40 46,24 | 46,24 46,60 32,94 4,96"),  # like a g
        (1, "70,6 34,0 2,20 6,42 34,44 66,20 | 66,20 58,60 50,100"),  # wide head
        (2, "50,8 28,0 6,14 2,38 20,50 42,34 50,8 | 50,8 50,60 62,100"),  # tail to the right
        (1, "60,4 34,0 8,20 4,42 24,50 46,32 60,4 | 60,4 50,50 54,100"),
        (1, "56,10 40,0 18,6 10,26 22,40 44,30 56,10 | 56,10 30,70 6,100"),  # leaning far
        (2, "54,6 40,0 16,8 2,28 10,44 30,38 48,20 54,6 | 54,6 46,54 36,100"),  # leaning head
        (2, "54,12 38,0 18,4 8,22 20,36 40,32 54,12 | 54,12 44,50 24,100"),  # small, leaning
        (1, "50,14 30,0 4,10 0,34 20,46 44,34 50,14 | 50,14 54,50 54,100"),  # upright
        (1, "60,14 34,2 8,14 2,36 20,48 44,36 60,14 | 60,14 40,56 20,100"),  # wide, slanted
        (1, "48,16 34,0 12,2 4,20 16,34 36,30 48,16 | 48,16 50,60 46,100"),  # small, upright
        (1, "48,22 40,4 18,0 2,16 8,40 34,42 50,10 | 48,22 50,60 50,100"),  # low joint
        (1, "50,0 14,8 4,28 20,44 52,30 | 50,0 52,30 50,64 46,100"),  # square shoulder
        (1, "54,6 30,0 6,16 8,42 32,46 48,26 44,60 34,100"),  # open, one stroke
        (1, "44,6 22,2 4,22 14,40 36,34 46,14 | 46,14 50,56 52,100"),  # leaning back
    ),
)


class Handwritings(NamedTuple):
    """The table above as arrays: V handwritings, at most P control points, K samples."""

    digit: npt.NDArray[np.int64]  # (V,)
    share: Doubles  # (V,) how often, among those of the same digit
    points: Floats  # (V, P, 2) control points, 1 tall, padded with zeros
    basis: Floats  # (V, K, P): curve = basis @ points
    down: Floats  # (V, K-1): 1 where the pen draws from sample k to k+1, 0 where it is lifted


def handwritings(samples: int) -> Handwritings:
    """Return all handwritings, each sampled at `samples` places evenly along its ink."""
    rows = [(digit, often, path) for digit, row in enumerate(HANDWRITINGS) for often, path in row]
    digit = np.array([row[0] for row in rows], np.int64)
    often = np.array([row[1] for row in rows], np.float64)
    parsed = [_parse(path) for _, _, path in rows]
    most = max(len(control) for control, _ in parsed)

    points = np.zeros((len(rows), most, 2), np.float32)
    basis = np.zeros((len(rows), samples, most), np.float32)
    down = np.zeros((len(rows), samples - 1), np.float32)
    for v, (control, strokes) in enumerate(parsed):
        points[v, : len(control)] = control / 100
        basis[v, :, : len(control)], down[v] = _path_basis(control, strokes, samples)
    share = often / np.bincount(digit, weights=often)[digit]
    return Handwritings(digit, share, points, basis, down)


def _parse(path: str) -> tuple[Doubles, list[list[int]]]:
    """Return the distinct points (P, 2) of a path, and each stroke as positions among them."""
    index: dict[tuple[float, ...], int] = {}
    strokes = []
    for stroke in path.split("|"):
        points = [tuple(float(number) for number in point.split(",")) for point in stroke.split()]
        strokes.append([index.setdefault(point, len(index)) for point in points])
    return np.array(list(index)), strokes


def _path_basis(
    control: Doubles, strokes: list[list[int]], samples: int
) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Return the basis (samples, P) of a path, and where the pen is down (samples - 1,)."""
    bases = [_stroke_basis(np.eye(len(control))[stroke]) for stroke in strokes]
    number = np.repeat(np.arange(len(bases)), [len(basis) for basis in bases])  # stroke of a place
    fine = np.concatenate(bases)
    step = np.linalg.norm(np.diff(fine @ control, axis=0), axis=1)
    step[np.diff(number) > 0] = 0  # a lifted pen leaves no ink
    length = np.concatenate([[0], np.cumsum(step)])
    # a hair less than the exact places, so that rounding cannot step past the end
    chosen = np.searchsorted(length, np.linspace(0, length[-1], samples) - 1e-9)
    return fine[chosen], np.diff(number[chosen]) == 0


def _stroke_basis(p: Doubles) -> Doubles:
    """Return the Catmull-Rom curve (_FINE per segment, P) through one-hot points p (points, P)."""
    if np.array_equal(p[0], p[-1]):  # closed: the curve goes round
        before, after = p[-2], p[1]
    else:  # mirror the neighbour, so that a free end does not bend
        before, after = 2 * p[0] - p[1], 2 * p[-1] - p[-2]
    p = np.stack([before, *p, after])[:, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]  # (segments, 1, P): a segment runs from b to c
    t = np.linspace(0, 1, _FINE)[:, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return curve.reshape(-1, p.shape[-1])
