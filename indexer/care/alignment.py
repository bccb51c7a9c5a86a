"""Whether two small pictures are the same one, after one is laid over the other.

A copy may be cut off at its sides by a few hundredths and stretched. So the second picture is moved
and scaled, along x and y each for itself, until it covers the first best (Lucas-Kanade, from the
best of a few starts), and only then is what differs measured: in the mean, and where it is worst.
Products photographed alike agree in the mean; they differ somewhere.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_COARSE, _MIDDLE, _FINE = 16, 24, 32
"""Cells a side of the grids on which the start is chosen, and on which it is improved."""

_STEPS = ((_MIDDLE, 8), (_FINE, 5))
_PATCH = 3
"""Cells a side, of the fine grid, of the patch in which the worst difference is averaged."""

_MOST_SHIFT, _LEAST_SCALE, _MOST_SCALE = 0.08, 0.86, 1.16
_SETTLED = 2e-4

Placing = tuple[float, float, float, float]
"""Shift and scale along x, then along y; a shift is a share of the side."""

_AS_IT_IS: Placing = (0.0, 1.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Residual:
    """What differs between two pictures that cover each other, in Oklab.

    `worst` is the largest mean over a patch of a tenth of the side, 0 same, 1 black and white;
    `relative` the root mean square over the contrast of the first picture.
    """

    worst: float
    relative: float


def residual(one: Floats, other: Floats) -> Residual:
    """What is left of the difference of two pictures, each `(n, n, 3)` Oklab, once aligned."""
    placing = _improved(one, other, _best_start(one, other))
    first, _ = _placed(one, _FINE, _AS_IT_IS)
    second, covered = _placed(other, _FINE, placing)
    differs = np.sqrt(((first - second) ** 2).sum(-1)) * covered
    seen = first[covered]
    contrast = float(((seen - seen.mean(0)) ** 2).sum(-1).mean())
    square = float((differs[covered] ** 2).mean())
    return Residual(_worst_patch(differs), float(np.sqrt(square / max(contrast, 1e-6))))


def _best_start(one: Floats, other: Floats) -> Placing:
    """The start that covers best: as they are, or either of them cut off a little."""
    lightness, target = other[..., 0], _placed(one[..., 0], _COARSE, _AS_IT_IS)[0]
    best, least = _AS_IT_IS, np.inf
    for start, (along_y, along_x, covered) in _starts(len(other)).items():
        differs = (target - along_y @ lightness @ along_x.T) ** 2 * covered
        error = float(differs.sum()) / int(covered.sum())
        if error < least * 0.999:
            best, least = start, error
    return best


def _improved(one: Floats, other: Floats, start: Placing) -> Placing:
    """Follow the gradient of lightness to the placing that covers best, coarse grid first."""
    placing = np.array(start)
    low = np.array([-_MOST_SHIFT, _LEAST_SCALE] * 2)
    high = np.array([_MOST_SHIFT, _MOST_SCALE] * 2)
    for cells, steps in _STEPS:
        target, _ = _placed(one[..., 0], cells, _AS_IT_IS)
        place = (np.arange(cells, dtype=np.float32) + 0.5) / cells - 0.5
        for _ in range(steps):
            now, covered = _placed(other[..., 0], cells, _of(placing))
            down, right = np.gradient(now)
            right, down = right * (cells / placing[1]), down * (cells / placing[3])
            slopes = (right, right * place[None, :], down, down * place[:, None])
            slope = np.stack(slopes, axis=-1)[covered].astype(np.float64)
            square = slope.T @ slope
            # A picture without an edge along one axis says nothing about it: stay there.
            square[np.diag_indices(4)] += 0.001 * square.diagonal() + 1e-6 * max(
                float(square.trace()), 1e-3
            )
            step = np.linalg.solve(square, slope.T @ (target - now)[covered])
            placing = np.clip(placing + step, low, high)
            if np.abs(step).max() < _SETTLED:
                break
    return _of(placing)


def _of(placing: NDArray[np.float64]) -> Placing:
    across, wide, down, high = placing.tolist()
    return across, wide, down, high


def _placed(picture: Floats, cells: int, placing: Placing) -> tuple[Floats, NDArray[np.bool_]]:
    """The picture on a grid of `cells` a side, moved and scaled, and which cells it covers."""
    along_y, down = _reading(cells, picture.shape[0], placing[2], placing[3])
    along_x, across = _reading(cells, picture.shape[1], placing[0], placing[1])
    planes = picture if picture.ndim == 3 else picture[..., None]
    each = [along_y @ planes[..., k] @ along_x.T for k in range(planes.shape[2])]
    placed = np.stack(each, axis=-1).astype(np.float32)
    return (placed if picture.ndim == 3 else placed[..., 0]), down[:, None] & across[None, :]


def _reading(cells: int, of: int, shift: float, scale: float) -> tuple[Floats, NDArray[np.bool_]]:
    """How much of each of `of` places goes into each cell, `(cells, of)`, and which cells exist.

    The weights are a triangle as wide as a cell, so that finer detail is averaged, not sampled.
    """
    centre = (0.5 + shift + scale * ((np.arange(cells) + 0.5) / cells - 0.5)) * of - 0.5
    reach = max(1.0, scale * of / cells)
    weights = np.maximum(1 - np.abs(np.arange(of)[None, :] - centre[:, None]) / reach, 0)
    inside = (centre > -0.5 - 1e-6) & (centre < of - 0.5 + 1e-6)
    total = np.maximum(weights.sum(1, keepdims=True), 1e-9)
    return (weights / total).astype(np.float32), inside


@cache
def _starts(side: int) -> dict[Placing, tuple[Floats, Floats, NDArray[np.bool_]]]:
    """Where a copy that was cut off may lie, with the readings of a picture of that side."""
    zooms = ((1, 1), (0.95, 0.95), (1.05, 1.05), (0.95, 1), (1, 0.95), (1.05, 1), (1, 1.05))
    found = {}
    for wide, high in zooms:
        for across in (0.0,) if wide == 1 else (-0.025, 0.0, 0.025):
            for down in (0.0,) if high == 1 else (-0.025, 0.0, 0.025):
                along_x, in_x = _reading(_COARSE, side, across, wide)
                along_y, in_y = _reading(_COARSE, side, down, high)
                covered = in_y[:, None] & in_x[None, :]
                found[across, float(wide), down, float(high)] = (along_y, along_x, covered)
    return found


def _worst_patch(differs: Floats) -> float:
    sums = np.pad(differs.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    k = _PATCH
    patches = sums[k:, k:] - sums[:-k, k:] - sums[k:, :-k] + sums[:-k, :-k]
    return float(patches.max()) / k**2
