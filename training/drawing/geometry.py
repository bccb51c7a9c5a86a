"""Outlines from a few points: corners where two numbers are given, curves where three are."""

import math
from collections.abc import Sequence
from typing import Any

import skia

# A corner (x, y), or a smooth point (x, y, tension) where the line bends gently.
Spot = tuple[float, float] | tuple[float, float, float]
Path = Any  # skia.Path: the binding ships no types

AXIS = 128.0


def shape(spots: Sequence[Spot], *, closed: bool = True) -> Path:
    """Join the spots into one path, straight between corners and curved through smooth spots."""
    path = skia.Path()
    path.moveTo(spots[0][0], spots[0][1])
    count = len(spots)
    for here in range(count if closed else count - 1):
        _segment(path, spots, here, closed)
    if closed:
        path.close()
    return path


def _segment(path: Path, spots: Sequence[Spot], here: int, closed: bool) -> None:
    count = len(spots)
    start, end = spots[here], spots[(here + 1) % count]
    if len(start) == 2 and len(end) == 2:
        path.lineTo(end[0], end[1])
        return
    reach = math.dist(start[:2], end[:2]) / 3.0
    out = _tangent(spots, here, closed)
    into = _tangent(spots, (here + 1) % count, closed)
    control_out = (start[0] + out[0] * reach, start[1] + out[1] * reach)
    control_in = (end[0] - into[0] * reach, end[1] - into[1] * reach)
    if len(start) == 2:
        control_out = _between(start, control_in, 0.5)
    if len(end) == 2:
        control_in = _between(end, control_out, 0.5)
    path.cubicTo(*control_out, *control_in, end[0], end[1])


def _tangent(spots: Sequence[Spot], place: int, closed: bool) -> tuple[float, float]:
    spot, count = spots[place], len(spots)
    if len(spot) == 2:
        return (0.0, 0.0)
    before = spots[(place - 1) % count] if closed or place > 0 else spot
    after = spots[(place + 1) % count] if closed or place < count - 1 else spot
    across, down = after[0] - before[0], after[1] - before[1]
    length = math.hypot(across, down) or 1.0
    return (across / length * spot[2], down / length * spot[2])


def _between(one: Spot, other: Spot, share: float) -> tuple[float, float]:
    return (one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share)


def flipped(spots: Sequence[Spot], axis: float = AXIS) -> list[Spot]:
    """Return the same spots on the other side of a vertical axis."""
    return [
        (2.0 * axis - spot[0], spot[1])
        if len(spot) == 2
        else (2.0 * axis - spot[0], spot[1], spot[2])
        for spot in spots
    ]


def line(*spots: Spot) -> Path:
    """Return an open path through the spots."""
    return shape(spots, closed=False)


def circle(x: float, y: float, radius: float) -> Path:
    """Return a circle."""
    return oval(x, y, radius, radius)


def oval(x: float, y: float, across: float, down: float) -> Path:
    """Return an ellipse from its centre and half-axes."""
    path = skia.Path()
    path.addOval(skia.Rect.MakeLTRB(x - across, y - down, x + across, y + down))
    return path


def box(left: float, top: float, right: float, bottom: float, corner: float = 0.0) -> Path:
    """Return a rectangle, rounded where `corner` is given."""
    path = skia.Path()
    path.addRoundRect(skia.Rect.MakeLTRB(left, top, right, bottom), corner, corner)
    return path


def wedge(start: Spot, end: Spot, width: float, bend: float = 0.0) -> Path:
    """Return a fold: broad at `start`, running out at `end`, bowed sideways by `bend`."""
    across, down = end[0] - start[0], end[1] - start[1]
    length = math.hypot(across, down) or 1.0
    side = (-down / length, across / length)
    middle = _between(start, end, 0.45)
    path = skia.Path()
    path.moveTo(start[0], start[1])
    path.quadTo(
        middle[0] + side[0] * (bend + width / 2),
        middle[1] + side[1] * (bend + width / 2),
        end[0],
        end[1],
    )
    path.quadTo(
        middle[0] + side[0] * (bend - width / 2),
        middle[1] + side[1] * (bend - width / 2),
        start[0],
        start[1],
    )
    path.close()
    return path


def common(one: Path, other: Path) -> Path:
    """Return the area covered by both paths."""
    return skia.Op(one, other, skia.PathOp.kIntersect_PathOp)


def without(one: Path, other: Path) -> Path:
    """Return the area of the first path that the second leaves."""
    return skia.Op(one, other, skia.PathOp.kDifference_PathOp)
