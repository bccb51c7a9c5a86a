"""Jackets and coats."""

from dataclasses import replace

import numpy as np

from training.drawing.easel import Easel
from training.drawing.geometry import AXIS, Spot, box, flipped, line, shape
from training.drawing.palette import SILVER, Rgb, darker
from training.drawing.spec import ProductSpec
from training.drawing.tailoring import (
    Cut,
    Sleeve,
    body,
    body_folds,
    draw_button,
    draw_inside,
    draw_sleeves,
    hem_line,
)


def jacket(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a blazer, a bomber or a puffer jacket."""
    swing = float(rng.uniform(-2, 3))
    style = spec.variant("style", "bomber")
    if style == "blazer":
        _blazer(easel, swing)
    elif style == "puffer":
        _puffer(easel, swing)
    else:
        _bomber(easel, swing)


def _blazer(easel: Easel, swing: float) -> None:
    cut = Cut(neck=20, shoulder=53, chest=49, waist=43, hem=53, drop=11, waist_y=140, hem_y=206,
              depth=10, sag=2)  # fmt: skip
    draw_inside(easel, cut, rise=9)
    draw_sleeves(easel, cut, Sleeve(length=140, swing=14 + swing, cuff=26))
    easel.fabric(body(cut))
    body_folds(easel, cut, 0.8)
    _shirt_front(easel, depth=132)
    draw_lapels(easel, depth=134, wide=30)
    easel.seam(line((AXIS, 132), (AXIS + 1, 176, 1.0), (AXIS - 6, 208)), width=1.8)
    for height in (140, 162):
        draw_button(easel, AXIS + 5, height, 3.4, darker(easel.cloth.base, 0.5))
    for side in (-1, 1):
        flap = shape([(AXIS + side * 17, 168), (AXIS + side * 44, 165), (AXIS + side * 45, 175),
                      (AXIS + side * 18, 178)])  # fmt: skip
        easel.fabric(flap, tone=0.06, contour=1.2)
    easel.seam(line((AXIS + 22, 100), (AXIS + 40, 97)), width=2.2)
    _cuff_buttons(easel, swing)


def _cuff_buttons(easel: Easel, swing: float) -> None:
    lean = np.radians(14 + swing)
    for side in (-1, 1):
        for step in range(3):
            reach = 134 - step * 8
            x = AXIS + side * (53 + np.sin(lean) * reach - 5)
            draw_button(easel, float(x), float(51 + np.cos(lean) * reach), 1.9,
                        darker(easel.cloth.base, 0.5))  # fmt: skip


def _shirt_front(easel: Easel, depth: float) -> None:
    """Draw the dark lining that shows inside an open front."""
    opening = shape([(AXIS - 20, 41), (AXIS + 20, 41), (AXIS, depth)])
    easel.solid(opening, darker(easel.cloth.base, 0.42), contour=0.0, lit=False)


def draw_lapels(easel: Easel, *, depth: float, wide: float) -> None:
    """Draw collar and lapels down to where the front closes."""
    lapel: list[Spot] = [(AXIS + 17, 38), (AXIS + 26, 60), (AXIS + wide + 10, 62),
                         (AXIS + wide + 4, 76), (AXIS, depth), (AXIS + 8, 84, 0.6)]  # fmt: skip
    collar: list[Spot] = [(AXIS + 14, 34), (AXIS + 20, 30), (AXIS + 32, 44, 0.5),
                          (AXIS + 37, 60), (AXIS + 25, 66), (AXIS + 15, 48)]  # fmt: skip
    for side, spots in ((-1, flipped(lapel)), (1, lapel)):
        easel.fabric(shape(spots), angle=side * 20.0, tone=-0.07)
    for side, spots in ((-1, flipped(collar)), (1, collar)):
        easel.fabric(shape(spots), angle=side * 50.0, tone=0.04)


def _bomber(easel: Easel, swing: float) -> None:
    cut = Cut(neck=20, shoulder=53, chest=53, waist=54, hem=50, hem_y=184, depth=12,
              drop=14, armpit=102)  # fmt: skip
    nape = shape([(AXIS - 20, 32), (AXIS, 37, 1.0), (AXIS + 20, 32), (AXIS + 20, 54),
                  (AXIS - 20, 54)])  # fmt: skip
    easel.solid(nape, darker(easel.cloth.base, 0.4), contour=1.2, lit=False)
    sleeve = Sleeve(length=116, swing=15 + swing, cuff=27, full=4, band=16)
    draw_sleeves(easel, cut, sleeve, ribbed=True)
    easel.fabric(body(cut))
    body_folds(easel, cut)
    low = cut.hem_y + 17
    hem = shape([(AXIS - 50, cut.hem_y), (AXIS, cut.hem_y + 5, 1.0), (AXIS + 50, cut.hem_y),
                 (AXIS + 47, low), (AXIS, low + 5, 1.0), (AXIS - 47, low)])  # fmt: skip
    easel.fabric(hem, patterned=False, tone=0.12, weave="rib")
    collar: list[Spot] = [(AXIS + 1, 57), (AXIS + 1, 46), (AXIS + 14, 38, 0.8), (AXIS + 19, 30),
                          (AXIS + 26, 40, 0.8), (AXIS + 16, 54, 0.8)]  # fmt: skip
    for spots in (flipped(collar), collar):
        easel.fabric(shape(spots), patterned=False, tone=0.12, weave="rib")
    for side in (-1, 1):
        easel.seam(line((AXIS + side * 26, 166), (AXIS + side * 40, 138)), width=3.0)
        easel.rod(line((AXIS + side * 40, 138), (AXIS + side * 41, 143)), SILVER, 1.6)
    _zip(easel, 54, low + 4)


def _zip(easel: Easel, top: float, bottom: float) -> None:
    track = box(AXIS - 3.4, top, AXIS + 3.4, bottom, 1)
    easel.solid(track, darker(easel.cloth.base, 0.35), contour=1.0, lit=False)
    teeth = line((AXIS, top + 2), (AXIS, bottom - 2))
    easel.stitch(teeth, SILVER, width=2.6)
    easel.metal(box(AXIS - 2.4, top + 2, AXIS + 2.4, top + 13, 2), SILVER)


def _puffer(easel: Easel, swing: float) -> None:
    cut = Cut(neck=23, shoulder=55, chest=57, waist=58, hem=56, hem_y=202, depth=12,
              drop=16, armpit=108, sag=4)  # fmt: skip
    sleeve = Sleeve(length=128, swing=15 + swing, cuff=31, full=7, band=7)
    draw_sleeves(easel, cut, sleeve)
    _sleeve_quilting(easel, cut, sleeve)
    easel.fabric(body(cut))
    with easel.within(body(cut)):
        for height in (78, 102, 126, 150, 174):
            _quilt_line(easel, height)
    _puffer_collar(easel)
    _zip(easel, 30, 205)


def _quilt_line(easel: Easel, height: float) -> None:
    for side in (-1, 1):
        edge = line((AXIS + side * 3, height + 1), (AXIS + side * 30, height + 4, 1.0),
                    (AXIS + side * 62, height - 3))  # fmt: skip
        easel.seam(edge, width=2.0)
        bulge = shape([(AXIS + side * 5, height + 2), (AXIS + side * 32, height + 6, 1.0),
                       (AXIS + side * 60, height - 1),
                       (AXIS + side * 32, height + 13, 1.0)])  # fmt: skip
        easel.shine(bulge, 0.16)
        below = shape([(AXIS + side * 5, height), (AXIS + side * 32, height + 3, 1.0),
                       (AXIS + side * 60, height - 3),
                       (AXIS + side * 32, height - 6, 1.0)])  # fmt: skip
        easel.shadow(below, 0.12)


def _sleeve_quilting(easel: Easel, cut: Cut, sleeve: Sleeve) -> None:
    lean = float(np.radians(sleeve.swing))
    along = (float(np.sin(lean)), float(np.cos(lean)))
    top = cut.shoulder_point
    for side in (-1, 1):
        for reach in (24.0, 46.0, 68.0, 90.0, 110.0):
            x, y = top[0] + along[0] * reach, top[1] + along[1] * reach
            start: Spot = (x + 5, y)
            end: Spot = (x - 30, y + 11)
            middle: Spot = (x - 12, y + 9, 1.0)
            spots = [start, middle, end]
            easel.seam(line(*(flipped(spots) if side < 0 else spots)), width=1.8)


def _puffer_collar(easel: Easel) -> None:
    collar = shape([(AXIS - 30, 54), (AXIS - 27, 30, 0.8), (AXIS - 18, 21, 0.8), (AXIS, 18, 1.0),
                    (AXIS + 18, 21, 0.8), (AXIS + 27, 30, 0.8), (AXIS + 30, 54),
                    (AXIS, 64, 1.0)])  # fmt: skip
    easel.fabric(collar)
    easel.seam(line((AXIS - 28, 40), (AXIS, 46, 1.0), (AXIS + 28, 40)), width=1.8)
    easel.shadow(shape([(AXIS - 17, 24), (AXIS, 20, 1.0), (AXIS + 17, 24), (AXIS, 30, 1.0)]), 0.35)


def coat(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a long coat: a belted trench, a wool coat with lapels, or a hooded duffle."""
    long = spec.variant("length") == "long"
    cut = Cut(neck=20, shoulder=46, chest=43, waist=39, hem=56 if long else 52, drop=11, top=40,
              armpit=90, waist_y=122, hem_y=246 if long else 216, depth=10, sag=4)  # fmt: skip
    style = spec.variant("style", "wool")
    draw_inside(easel, cut, rise=9)
    sleeve = Sleeve(length=116, swing=15 + float(rng.uniform(-2, 3)), cuff=25)
    sleeve = replace(sleeve, band=10) if style == "trench" else sleeve
    draw_sleeves(easel, cut, sleeve)
    easel.fabric(body(cut))
    body_folds(easel, replace(cut, hem_y=cut.hem_y), 0.9)
    if style == "hooded":
        _duffle_front(easel, cut)
        return
    opening = 104.0 if style == "trench" else 118.0
    _shirt_front(easel, depth=opening - 2)
    edge = AXIS + 9 if style == "trench" else AXIS
    easel.seam(line((edge - 9, opening), (edge, opening + 10), (edge, cut.hem_y + 3)), width=1.8)
    draw_lapels(easel, depth=opening, wide=26)
    _coat_buttons(easel, opening, double=style == "trench")
    if style == "trench":
        _draw_coat_belt(easel)
    _coat_pockets(easel)
    easel.seam(hem_line(cut, 6), width=0.9, alpha=0.5)


def _coat_buttons(easel: Easel, opening: float, *, double: bool) -> None:
    paint = darker(easel.cloth.base, 0.5)
    columns = (AXIS - 12, AXIS + 13) if double else (AXIS + 6,)
    for x in columns:
        for height in (opening + 6, opening + 40, opening + 66):
            draw_button(easel, x, height, 3.6, paint)


def _coat_pockets(easel: Easel) -> None:
    for side in (-1, 1):
        welt = shape([(AXIS + side * 24, 150), (AXIS + side * 30, 148), (AXIS + side * 38, 174),
                      (AXIS + side * 32, 176)])  # fmt: skip
        easel.fabric(welt, tone=0.08, contour=1.2)


def _draw_coat_belt(easel: Easel) -> None:
    belt = shape([(AXIS - 40, 120), (AXIS, 123, 1.0), (AXIS + 40, 120), (AXIS + 40, 132),
                  (AXIS, 135, 1.0), (AXIS - 40, 132)])  # fmt: skip
    easel.fabric(belt, patterned=False, tone=0.12)
    tail = shape([(AXIS + 8, 128), (AXIS + 17, 128), (AXIS + 25, 168), (AXIS + 15, 170)])
    easel.fabric(tail, patterned=False, tone=0.1)
    buckle: Rgb = (92, 66, 44)
    easel.rod(box(AXIS - 7, 118, AXIS + 9, 137, 2), buckle, 2.6)


def _duffle_front(easel: Easel, cut: Cut) -> None:
    easel.seam(line((AXIS, 56), (AXIS, cut.hem_y + 4)), width=1.8)
    hood = shape([(AXIS - 36, 60), (AXIS - 34, 26, 0.9), (AXIS, 6, 1.1), (AXIS + 34, 26, 0.9),
                  (AXIS + 36, 60), (AXIS + 12, 66, 0.8), (AXIS, 74),
                  (AXIS - 12, 66, 0.8)])  # fmt: skip
    easel.fabric(hood)
    face = shape([(AXIS - 20, 52, 0.8), (AXIS - 20, 34, 0.9), (AXIS, 22, 1.0),
                  (AXIS + 20, 34, 0.9), (AXIS + 20, 52, 0.8), (AXIS, 70)])  # fmt: skip
    easel.solid(face, darker(easel.cloth.base, 0.45), contour=1.4, lit=False)
    for height in (92, 122, 152):
        for side in (-1, 1):
            easel.rod(
                line((AXIS + side * 4, height), (AXIS + side * 15, height)), (92, 66, 44), 2.0
            )
        easel.solid(box(AXIS - 9, height - 3, AXIS + 9, height + 3, 3), (206, 160, 108), contour=1)
    _coat_pockets(easel)
    for side in (-1, 1):
        easel.fabric(box(AXIS + side * 29 - 13, 176, AXIS + side * 29 + 13, 204, 3), contour=1.2)
