"""Trousers, jeans and shorts."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from training.drawing import fabric
from training.drawing.easel import Easel
from training.drawing.geometry import AXIS, Path, Spot, box, circle, flipped, line, shape
from training.drawing.palette import GOLD, THREAD, Rgb, darker, luminance
from training.drawing.spec import ProductSpec

# Outer and inner hem, and knee: distances from the middle line.
_LEGS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "straight": (48.0, 14.0, 47.0, 10.0),
        "wide": (66.0, 8.0, 55.0, 6.0),
        "slim": (38.0, 15.0, 43.0, 10.0),
        "skinny": (34.0, 16.0, 40.0, 12.0),
        "flared": (60.0, 11.0, 40.0, 12.0),
    }
)
_TOP, _HIP_Y, _CROTCH, _KNEE_Y = 28.0, 76.0, 104.0, 164.0
_WAIST, _HIP = 32.0, 45.0


def _leg(
    outer: float,
    inner: float,
    hem_y: float,
    knee: tuple[float, float] | None,
    crotch: float = _CROTCH,
) -> list[Spot]:
    spots: list[Spot] = [(AXIS, _TOP), (AXIS + _WAIST, _TOP), (AXIS + _HIP, _HIP_Y, 1.0)]
    if knee is not None:
        spots.append((AXIS + knee[0], _KNEE_Y, 1.0))
    spots += [(AXIS + outer, hem_y), (AXIS + (outer + inner) / 2, hem_y + 2.5, 1.0)]
    spots.append((AXIS + inner, hem_y))
    if knee is not None:
        spots.append((AXIS + knee[1], _KNEE_Y, 1.0))
    spots.append((AXIS, crotch))
    return spots


def _draw_legs(easel: Easel, spots: list[Spot], lean: float) -> None:
    """Draw both legs, the creases at the hips, and the middle seam."""
    crotch = spots[-1][1]
    for side, leg in ((-1, flipped(spots)), (1, spots)):
        easel.fabric(shape(leg), angle=-side * lean, tone=0.03 if side > 0 else 0.0)
        hip = AXIS + side * (_HIP - 3)
        easel.fold((AXIS + side * 2, crotch), (hip - side * 8, crotch + 2), 7.0, bend=3.0 * side)
        easel.fold((AXIS + side * 4, crotch + 10), (hip - side * 14, crotch + 18), 5.0)
    easel.seam(line((AXIS, _TOP + 10), (AXIS, crotch)))


def _draw_waistband(easel: Easel, *, patterned: bool = False) -> None:
    band = shape([(AXIS - _WAIST + 1, _TOP - 10), (AXIS, _TOP - 8, 1.0),
                  (AXIS + _WAIST - 1, _TOP - 10), (AXIS + _WAIST + 1, _TOP + 4),
                  (AXIS, _TOP + 7, 1.0), (AXIS - _WAIST - 1, _TOP + 4)])  # fmt: skip
    easel.fabric(band, patterned=patterned, tone=0.05)


def _draw_loops(easel: Easel) -> None:
    for x in (-22, -9, 9, 22):
        easel.fabric(box(AXIS + x - 2, _TOP - 10, AXIS + x + 2, _TOP + 6.5, 1), patterned=False,
                     contour=1.0)  # fmt: skip


def trousers(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw tailored trousers with pressed creases, sometimes with a belt."""
    outer, inner, knee_out, knee_in = _LEGS[spec.variant("leg", "straight")]
    spots = _leg(outer, inner, 236, (knee_out, knee_in))
    _draw_legs(easel, spots, lean=3.0)
    for side in (-1, 1):
        crease = line((AXIS + side * 21, _TOP + 8), (AXIS + side * 25, _KNEE_Y, 1.0),
                      (AXIS + side * (outer + inner) / 2, 236))  # fmt: skip
        easel.seam(crease, width=1.6, alpha=0.55)
        pocket = line((AXIS + side * (_WAIST - 5), _TOP + 6), (AXIS + side * (_HIP - 3.5), 70))
        easel.seam(pocket)
        _knee_folds(easel, side, knee_out)
    _draw_waistband(easel)
    if spec.variant("belt") == "yes":
        _draw_belt(easel)
    else:
        easel.solid(
            box(AXIS - 2.5, _TOP - 4, AXIS + 2.5, _TOP + 1, 2.5), (236, 232, 224), contour=1
        )
    _draw_loops(easel)
    easel.seam(line((AXIS + 7, _TOP + 7), (AXIS + 7, 74, 1.0), (AXIS, 86)), alpha=0.7)


def _knee_folds(easel: Easel, side: int, knee: float) -> None:
    easel.fold((AXIS + side * knee, _KNEE_Y - 8), (AXIS + side * 16, _KNEE_Y - 2), 5.0)
    easel.fold((AXIS + side * 12, _KNEE_Y + 8), (AXIS + side * (knee - 6), _KNEE_Y + 4), 5.0)


def _draw_belt(easel: Easel) -> None:
    dark: Rgb = (46, 36, 32) if luminance(easel.cloth.base) > 0.3 else (150, 104, 66)
    belt = shape([(AXIS - _WAIST, _TOP - 7), (AXIS, _TOP - 5, 1.0), (AXIS + _WAIST, _TOP - 7),
                  (AXIS + _WAIST + 1, _TOP + 2), (AXIS, _TOP + 4.5, 1.0),
                  (AXIS - _WAIST - 1, _TOP + 2)])  # fmt: skip
    easel.solid(belt, dark, contour=1.0)
    easel.metal(box(AXIS - 7, _TOP - 7.5, AXIS + 7, _TOP + 6.5, 2), GOLD)
    easel.solid(box(AXIS - 4, _TOP - 4.5, AXIS + 4, _TOP + 3.5, 1), dark, contour=0.8)


def jeans(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw jeans: denim with faded thighs, topstitching, rivets and a fly."""
    outer, inner, knee_out, knee_in = _LEGS[spec.variant("leg", "straight")]
    rolled = spec.variant("hem") == "rolled"
    hem_y = 226.0 if rolled else 238.0
    spots = _leg(outer, inner, hem_y, (knee_out, knee_in))
    _draw_legs(easel, spots, lean=2.0)
    thread = (
        THREAD if abs(luminance(THREAD) - luminance(easel.cloth.base)) > 0.12 else (110, 70, 40)
    )
    for side in (-1, 1):
        leg = shape(flipped(spots) if side < 0 else spots)
        _faded(easel, leg, side)
        _knee_folds(easel, side, knee_out)
        _jeans_pocket(easel, side, thread)
        seam = line((AXIS + side * (_HIP - 4), 84), (AXIS + side * (knee_out - 4), _KNEE_Y, 1.0),
                    (AXIS + side * (outer - 4), hem_y - 2))  # fmt: skip
        easel.stitch(seam, thread)
        _jeans_hem(easel, side, outer, inner, hem_y, rolled, thread)
    easel.stitch(line((AXIS + 9, _TOP + 7), (AXIS + 9, 72, 1.0), (AXIS + 1, 88)), thread, width=1.3)
    _draw_waistband(easel)
    easel.stitch(line((AXIS - _WAIST, _TOP + 1), (AXIS, _TOP + 4, 1.0), (AXIS + _WAIST, _TOP + 1)),
                 thread)  # fmt: skip
    _draw_loops(easel)
    easel.metal(circle(AXIS, _TOP - 2, 3.6), (200, 140, 80))


def _faded(easel: Easel, leg: Path, side: int) -> None:
    """Bleach the front of a leg a little, as worn denim is."""
    near, far = AXIS + side * 10, AXIS + side * 42
    stops = ((255, 255, 255), 0.0), ((255, 255, 255), 0.17), ((255, 255, 255), 0.0)
    easel.paint(leg, fabric.gradient((near, 0.0), (far, 0.0), *stops))


def _jeans_pocket(easel: Easel, side: int, thread: Rgb) -> None:
    for inset, stitched in ((0.0, False), (3.5, True)):
        curve = line((AXIS + side * (_WAIST - 14 - inset), _TOP + 6),
                     (AXIS + side * (_WAIST - 9 - inset), 56 + inset, 1.0),
                     (AXIS + side * (_HIP - 4), 62 + inset))  # fmt: skip
        if stitched:
            easel.stitch(curve, thread)
        else:
            easel.seam(curve, width=1.6)
    easel.metal(circle(AXIS + side * (_HIP - 8), 65, 1.7), (200, 140, 80), contour=0.6)


def _jeans_hem(
    easel: Easel, side: int, outer: float, inner: float, hem_y: float, rolled: bool, thread: Rgb
) -> None:
    if rolled:
        cuff = shape([(AXIS + side * (outer + 2), hem_y - 6),
                      (AXIS + side * (outer + 2.5), hem_y + 9),
                      (AXIS + side * (outer + inner) / 2, hem_y + 11.5, 1.0),
                      (AXIS + side * (inner - 2.5), hem_y + 9),
                      (AXIS + side * (inner - 2), hem_y - 6)])  # fmt: skip
        easel.fabric(cuff, patterned=False, tone=-0.28)
        return
    easel.stitch(
        line((AXIS + side * (outer - 0.5), hem_y - 6), (AXIS + side * inner, hem_y - 6)), thread
    )


def shorts(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw shorts with a drawstring or a buttoned waistband."""
    knee = spec.variant("leg") == "knee"
    hem_y, outer = (152.0, 55.0) if knee else (120.0, 58.0)
    spots = _leg(outer, 6.0, hem_y, None, crotch=92.0)
    _draw_legs(easel, spots, lean=5.0)
    for side in (-1, 1):
        easel.seam(line((AXIS + side * (_WAIST - 6), _TOP + 6), (AXIS + side * (_HIP - 2), 66)))
        easel.seam(line((AXIS + side * (outer - 1), hem_y - 8), (AXIS + side * 7, hem_y - 8)),
                   width=1.0, alpha=0.7)  # fmt: skip
        easel.fold((AXIS + side * 33, hem_y), (AXIS + side * 26, hem_y - 34), 9.0)
        easel.fold((AXIS + side * (outer - 4), hem_y - 2), (AXIS + side * 46, hem_y - 38), 7.0)
    _draw_waistband(easel)
    if spec.variant("waist") == "drawstring":
        _drawstring(easel)
    else:
        _draw_loops(easel)
        easel.solid(box(AXIS - 3, _TOP - 4, AXIS + 3, _TOP + 2, 3), (238, 234, 226), contour=1)
        easel.seam(line((AXIS + 7, _TOP + 7), (AXIS + 7, 66, 1.0), (AXIS, 78)), alpha=0.7)


def _drawstring(easel: Easel) -> None:
    for step in range(-7, 8):
        x = AXIS + step * 4.2
        easel.seam(line((x, _TOP - 8), (x, _TOP + 4)), width=1.0, alpha=0.55)
    cord: Rgb = (250, 248, 242)
    if luminance(easel.cloth.base) > 0.85:
        cord = darker(easel.cloth.base, 0.55)
    for side in (-1, 1):
        easel.rod(line((AXIS + side * 2, _TOP), (AXIS + side * 7, _TOP + 18, 1.0),
                       (AXIS + side * 5, _TOP + 36)), cord, 2.2)  # fmt: skip
