"""What every top, dress and coat shares: the body, the sleeves, the neck opening."""

import math
from dataclasses import dataclass

from training.drawing.easel import Easel
from training.drawing.geometry import AXIS, Path, Spot, box, flipped, line, shape
from training.drawing.palette import darker


@dataclass(frozen=True)
class Cut:
    """A body's measurements: half-widths from the middle line, and heights."""

    neck: float = 21.0
    shoulder: float = 50.0
    chest: float = 47.0
    waist: float = 44.0
    hem: float = 47.0
    top: float = 40.0
    drop: float = 13.0
    armpit: float = 98.0
    waist_y: float = 145.0
    hem_y: float = 206.0
    depth: float = 17.0
    v_neck: bool = False
    sag: float = 5.0

    @property
    def shoulder_point(self) -> tuple[float, float]:
        """Where the right shoulder ends."""
        return (AXIS + self.shoulder, self.top + self.drop)


@dataclass(frozen=True)
class Sleeve:
    """A sleeve's length, its swing from vertical in degrees, its cuff and fullness."""

    length: float
    swing: float
    cuff: float
    full: float = 0.0
    band: float = 0.0


def neckline(cut: Cut, lower: float = 0.0) -> list[Spot]:
    """Return the front neck edge from left to right, lowered by a trim's width."""
    wide = cut.neck + lower * 0.8
    left, right = (AXIS - wide, cut.top + lower * 0.1), (AXIS + wide, cut.top + lower * 0.1)
    bottom = cut.top + cut.depth + lower
    if cut.v_neck:
        return [left, (AXIS, bottom + 16.0), right]
    return [left, (AXIS - wide * 0.62, bottom - cut.depth * 0.28, 1.0), (AXIS, bottom, 1.0),
            (AXIS + wide * 0.62, bottom - cut.depth * 0.28, 1.0), right]  # fmt: skip


def body(cut: Cut) -> Path:
    """Return the front of a body from neck to hem."""
    right: list[Spot] = [
        cut.shoulder_point,
        (AXIS + cut.chest + 1, cut.armpit - 18, 1.0),
        (AXIS + cut.chest, cut.armpit),
        (AXIS + cut.waist, cut.waist_y, 1.0),
        (AXIS + cut.hem, cut.hem_y),
    ]
    left = flipped(right)[::-1]
    return shape([*neckline(cut), *right, (AXIS, cut.hem_y + cut.sag, 1.0), *left])


def sleeve_spots(cut: Cut, sleeve: Sleeve) -> list[Spot]:
    """Return the right sleeve's outline: shoulder, outer edge, cuff, inner edge, armpit."""
    swing = math.radians(sleeve.swing)
    along = (math.sin(swing), math.cos(swing))
    across = (math.cos(swing), -math.sin(swing))
    top = cut.shoulder_point
    outer = (top[0] + along[0] * sleeve.length, top[1] + along[1] * sleeve.length)
    inner = (outer[0] - across[0] * sleeve.cuff, outer[1] - across[1] * sleeve.cuff)
    bulge = 3.0 + sleeve.full
    elbow: Spot = (
        top[0] + along[0] * sleeve.length * 0.45 + across[0] * bulge,
        top[1] + along[1] * sleeve.length * 0.45 + across[1] * bulge,
        1.0,
    )
    root = (AXIS + cut.chest - 4.0, cut.armpit + 3.0)
    inward: Spot = (
        (inner[0] + root[0]) / 2 + sleeve.full * 0.25,
        (inner[1] + root[1]) / 2 + sleeve.full * 0.5,
        0.8,
    )
    return [(top[0] - 10.0, top[1] - 4.0), top, elbow, outer, inner, inward, root]


def cuff_spots(cut: Cut, sleeve: Sleeve) -> list[Spot]:
    """Return the right cuff band's outline."""
    swing = math.radians(sleeve.swing)
    along = (math.sin(swing), math.cos(swing))
    spots = sleeve_spots(cut, sleeve)
    outer, inner = spots[3], spots[4]
    lean = 1.0 + sleeve.full * 0.05
    return [
        (outer[0] + lean, outer[1]),
        (outer[0] + along[0] * sleeve.band, outer[1] + along[1] * sleeve.band),
        (inner[0] + along[0] * sleeve.band, inner[1] + along[1] * sleeve.band),
        (inner[0] - lean, inner[1]),
    ]


def draw_sleeves(easel: Easel, cut: Cut, sleeve: Sleeve, *, ribbed: bool = False) -> None:
    """Draw both sleeves with their folds and cuffs; the body goes over them."""
    for side in (-1, 1):
        spots = sleeve_spots(cut, sleeve)
        cuff = cuff_spots(cut, sleeve)
        if side < 0:
            spots, cuff = flipped(spots), flipped(cuff)
        easel.fabric(shape(spots), angle=-side * sleeve.swing, tone=0.05)
        _sleeve_folds(easel, spots, sleeve)
        if sleeve.band:
            weave = "rib" if ribbed else None
            easel.fabric(shape(cuff), angle=-side * sleeve.swing + (0 if ribbed else 90), tone=0.03,
                         weave=weave, patterned=not ribbed)  # fmt: skip
        else:
            _hem_stitch(easel, spots)


def _sleeve_folds(easel: Easel, spots: list[Spot], sleeve: Sleeve) -> None:
    root, elbow, inner = spots[6], spots[2], spots[4]
    easel.fold(root, ((elbow[0] * 2 + root[0]) / 3, (elbow[1] * 2 + root[1]) / 3 - 6), 7.0)
    if sleeve.length > 90:
        middle = ((root[0] + inner[0]) / 2, (root[1] + inner[1]) / 2)
        easel.fold(middle, (elbow[0], elbow[1] + 12), 5.0)
        easel.fold((middle[0], middle[1] + 12), (elbow[0], elbow[1] + 34), 4.0)


def _hem_stitch(easel: Easel, spots: list[Spot]) -> None:
    outer, inner = spots[3], spots[4]
    away = (spots[1][0] - outer[0], spots[1][1] - outer[1])
    length = math.hypot(*away)
    up = (away[0] / length * 5.0, away[1] / length * 5.0)
    easel.seam(line((outer[0] + up[0], outer[1] + up[1]), (inner[0] + up[0], inner[1] + up[1])),
               width=0.9, alpha=0.6)  # fmt: skip


def draw_inside(easel: Easel, cut: Cut, *, rise: float = 3.0) -> None:
    """Draw the inside of the back that shows through the neck opening, with its label."""
    left, right = (AXIS - cut.neck, cut.top), (AXIS + cut.neck, cut.top)
    front = neckline(cut)[1:-1][::-1]
    outline = shape([left, (AXIS, cut.top - rise + 7.0, 1.0), right, *front])
    easel.solid(outline, darker(easel.cloth.base, 0.34), contour=1.2, lit=False)
    with easel.within(outline):
        label = box(AXIS - 5, cut.top + 5, AXIS + 5, cut.top + 11, 1.0)
        easel.solid(label, (240, 236, 228), contour=0.0, lit=False)


def draw_neck_band(easel: Easel, cut: Cut, width: float = 5.5, *, ribbed: bool = False) -> None:
    """Draw the band sewn round the neck opening."""
    outer, inner = neckline(cut, width), neckline(cut)
    band = shape([*inner, *outer[::-1]])
    easel.fabric(band, patterned=False, tone=0.05, contour=1.2, weave="rib" if ribbed else None)


def body_folds(easel: Easel, cut: Cut, strength: float = 1.0) -> None:
    """Draw the folds that fall from the armpits and rise from the hem."""
    width = 8.0 * strength
    for side in (-1, 1):
        arm = AXIS + side * cut.chest
        waist = AXIS + side * cut.waist
        easel.fold((arm - side, cut.armpit + 3), (AXIS + side * 12, cut.armpit + 22), width)
        easel.fold((waist - side * 2, cut.waist_y), (AXIS + side * 14, cut.waist_y + 22), width)
        low = AXIS + side * cut.hem * 0.55
        easel.fold((low, cut.hem_y + 1), (low - side * 9, cut.hem_y - 46), width)


def hem_line(cut: Cut, above: float) -> Path:
    """Return the stitched line that runs above the hem."""
    share = above / max(cut.hem_y - cut.waist_y, 1.0)
    wide = cut.hem + (cut.waist - cut.hem) * share
    return line((AXIS - wide, cut.hem_y - above), (AXIS, cut.hem_y - above + cut.sag, 1.0),
                (AXIS + wide, cut.hem_y - above))  # fmt: skip


def draw_button(easel: Easel, x: float, y: float, radius: float = 2.6,
                rgb: tuple[int, int, int] | None = None) -> None:  # fmt: skip
    """Draw one round button."""
    paint = rgb or ((244, 242, 236) if not easel.cloth.dark else darker(easel.cloth.line, 0.1))
    easel.solid(box(x - radius, y - radius, x + radius, y + radius, radius), paint, contour=1.0)
