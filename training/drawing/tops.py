"""T-shirts, shirts, blouses and sweaters."""

from dataclasses import replace

import numpy as np

from training.drawing.easel import Easel
from training.drawing.geometry import AXIS, Spot, box, flipped, line, shape
from training.drawing.spec import ProductSpec
from training.drawing.tailoring import (
    Cut,
    Sleeve,
    body,
    body_folds,
    draw_button,
    draw_inside,
    draw_neck_band,
    draw_sleeves,
    hem_line,
)

_LONG = Sleeve(length=134, swing=16, cuff=23)
_SHORT = Sleeve(length=50, swing=40, cuff=36)


def t_shirt(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a t-shirt."""
    cut = Cut(v_neck=spec.variant("neckline") == "v-neck")
    sleeve = _LONG if spec.variant("sleeve") == "long" else _SHORT
    sleeve = replace(sleeve, swing=sleeve.swing + float(rng.uniform(-3, 5)))
    draw_inside(easel, cut)
    draw_sleeves(easel, cut, sleeve)
    easel.fabric(body(cut))
    body_folds(easel, cut)
    draw_neck_band(easel, cut, ribbed=True)
    easel.seam(hem_line(cut, 6), width=0.9, alpha=0.6)
    if spec.variant("pocket") == "yes":
        _chest_pocket(easel)


def shirt(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a buttoned shirt with a pointed collar."""
    cut = Cut(neck=19, depth=9, sag=8, hem_y=204, chest=48, waist=45)
    if spec.variant("sleeve") == "long":
        swing = 15 + float(rng.uniform(-2, 4))
        sleeve = Sleeve(length=122, swing=swing, cuff=25, band=14)
    else:
        sleeve = Sleeve(length=54, swing=36 + float(rng.uniform(-3, 4)), cuff=38)
    draw_inside(easel, cut, rise=8)
    draw_sleeves(easel, cut, sleeve)
    easel.fabric(body(cut))
    body_folds(easel, cut, 0.9)
    easel.fabric(shape([(AXIS - 6, 49), (AXIS + 6, 49), (AXIS + 6, 211.5), (AXIS - 6, 211.5)]),
                 tone=0.02, contour=1.1)  # fmt: skip
    for height in (66, 92, 118, 144, 170, 196):
        draw_button(easel, AXIS, height)
    if spec.variant("pocket") == "yes":
        _chest_pocket(easel)
    draw_collar(easel, top=40, neck=19)


def draw_collar(easel: Easel, *, top: float, neck: float, long: float = 1.0) -> None:
    """Draw the two points of a shirt collar, its stand behind them."""
    point: list[Spot] = [
        (AXIS + 1, top + 13),
        (AXIS + neck - 4, top - 8),
        (AXIS + neck + 4, top - 3, 0.6),
        (AXIS + neck + 9, top + 8),
        (AXIS + 19, top + 12 + 22 * long),
    ]
    for side, spots in ((-1, flipped(point)), (1, point)):
        easel.fabric(shape(spots), angle=side * 38.0, tone=-0.08)
        easel.stitch(line(*[(x * 0.93 + 0.07 * (AXIS + side * 15), y * 0.93 + 0.07 * (top + 10))
                            for x, y, *_ in spots[3:]]), width=0.8)  # fmt: skip


def _chest_pocket(easel: Easel) -> None:
    left, top = AXIS + 12, 92
    pocket = shape([(left, top), (left + 25, top), (left + 25, top + 22), (left + 12.5, top + 28),
                    (left, top + 22)])  # fmt: skip
    easel.fabric(pocket, contour=1.2)
    easel.seam(line((left, top + 5), (left + 25, top + 5)), width=0.9, alpha=0.6)


def blouse(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a blouse: full sleeves, a gathered waist, a bow, ruffle or open neck."""
    front = spec.variant("front")
    cut = Cut(neck=20, shoulder=42, chest=42, waist=34, hem=48, waist_y=150, hem_y=196,
              depth=14, v_neck=front == "v-neck", sag=9)  # fmt: skip
    cut = replace(cut, depth=26) if front == "v-neck" else cut
    _blouse_sleeves(easel, spec.variant("sleeve"), cut, float(rng.uniform(-2, 4)))
    draw_inside(easel, cut)
    easel.fabric(body(cut))
    body_folds(easel, replace(cut, waist_y=120), 0.8)
    _gathers(easel, cut)
    if front == "ruffle":
        _jabot(easel, cut)
    draw_neck_band(easel, cut, 4.5)
    if front == "bow":
        _bow(easel, cut.top + cut.depth + 4)


def _blouse_sleeves(easel: Easel, style: str, cut: Cut, jitter: float) -> None:
    if style == "puff":
        sleeve = Sleeve(length=54, swing=27 + jitter, cuff=30, full=20, band=9)
    elif style == "bell":
        sleeve = Sleeve(length=112, swing=26 + jitter, cuff=58, full=-5)
    else:
        sleeve = Sleeve(length=112, swing=18 + jitter, cuff=24, full=11, band=11)
    draw_sleeves(easel, cut, sleeve)


def _gathers(easel: Easel, cut: Cut) -> None:
    waist = line((AXIS - cut.waist, cut.waist_y), (AXIS, cut.waist_y + 3, 1.0),
                 (AXIS + cut.waist, cut.waist_y))  # fmt: skip
    easel.seam(waist)
    for step in range(-3, 4):
        x = AXIS + step * 9.5
        easel.fold((x, cut.waist_y + 2), (x + step * 3.0, cut.waist_y + 34), 4.5)
        easel.fold((x, cut.waist_y + 2), (x + step * 0.6, cut.waist_y - 20), 3.5)


def _jabot(easel: Easel, cut: Cut) -> None:
    top, bottom = cut.top + cut.depth + 2, cut.waist_y - 4
    for width, side in ((17, -1), (17, 1)):
        spots: list[Spot] = [(AXIS, top)]
        for step in range(1, 8):
            y = top + (bottom - top) * step / 8
            reach = width * (1.0 if step % 2 else 0.62) * (1.1 - step * 0.06)
            spots.append((AXIS + side * reach, y, 1.0))
        spots.append((AXIS, bottom))
        easel.fabric(shape(spots), tone=-0.08, angle=side * 12.0)
        for step in (1, 3, 5):
            y = top + (bottom - top) * step / 8
            easel.fold((AXIS + side * 13, y), (AXIS + side * 2, y - 4), 4.0)


def _bow(easel: Easel, y: float) -> None:
    tail: list[Spot] = [(AXIS + 1, y), (AXIS + 12, y + 24, 1.0), (AXIS + 13, y + 52),
                        (AXIS + 24, y + 46), (AXIS + 17, y + 20, 1.0),
                        (AXIS + 6, y - 2)]  # fmt: skip
    loop: list[Spot] = [(AXIS, y - 2), (AXIS + 16, y - 14, 1.0), (AXIS + 31, y - 9, 1.0),
                        (AXIS + 30, y + 9, 1.0), (AXIS + 15, y + 9, 1.0),
                        (AXIS, y + 4)]  # fmt: skip
    for spots in (flipped(tail), tail):
        easel.fabric(shape(spots), tone=0.04)
    for side, spots in ((-1, flipped(loop)), (1, loop)):
        easel.fabric(shape(spots), angle=side * 70.0, tone=-0.06)
        easel.fold((AXIS + side * 3, y), (AXIS + side * 22, y - 3), 5.0)
    easel.fabric(box(AXIS - 6, y - 7, AXIS + 6, y + 7, 4), tone=0.02)


def sweater(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a knitted sweater with ribbed cuffs, hem and neck."""
    neck = spec.variant("neckline")
    cut = Cut(neck=22, shoulder=53, chest=52, waist=51, hem=49, hem_y=188, depth=15,
              v_neck=neck == "v-neck", drop=15, armpit=104)  # fmt: skip
    cut = replace(cut, depth=22) if cut.v_neck else cut
    swing = 15 + float(rng.uniform(-2, 4))
    draw_inside(easel, cut)
    draw_sleeves(easel, cut, Sleeve(length=116, swing=swing, cuff=27, band=19), ribbed=True)
    easel.fabric(body(cut))
    if spec.variant("knit") == "chunky":
        _cables(easel, cut)
    body_folds(easel, cut)
    _ribbed_hem(easel, cut)
    if neck == "turtleneck":
        _turtleneck(easel, cut)
    else:
        draw_neck_band(easel, cut, 8.5, ribbed=True)


def _ribbed_hem(easel: Easel, cut: Cut) -> None:
    low = cut.hem_y + 19
    hem = shape([(AXIS - cut.hem, cut.hem_y), (AXIS, cut.hem_y + cut.sag, 1.0),
                 (AXIS + cut.hem, cut.hem_y), (AXIS + cut.hem - 4, low),
                 (AXIS, low + cut.sag, 1.0), (AXIS - cut.hem + 4, low)])  # fmt: skip
    easel.fabric(hem, patterned=False, tone=0.04, weave="rib")


def _turtleneck(easel: Easel, cut: Cut) -> None:
    wide = cut.neck
    roll = shape([(AXIS - wide - 4, 46), (AXIS - wide + 1, 14, 0.8), (AXIS - wide + 6, 9),
                  (AXIS, 7, 1.0), (AXIS + wide - 6, 9), (AXIS + wide - 1, 14, 0.8),
                  (AXIS + wide + 4, 46), (AXIS, 62, 1.2)])  # fmt: skip
    easel.fabric(roll, patterned=False, weave="rib")
    easel.seam(line((AXIS - wide + 1, 30), (AXIS, 36, 1.0), (AXIS + wide - 1, 30)), alpha=0.6)


def _cables(easel: Easel, cut: Cut) -> None:
    with easel.within(body(cut)):
        for x in (AXIS - 26, AXIS, AXIS + 26):
            for step in range(13):
                y = cut.top + 10 + step * 13.5
                easel.seam(line((x - 5, y), (x, y + 3, 1.0), (x + 5, y + 11)), width=2.0, alpha=0.5)
                easel.seam(line((x + 5, y), (x + 2, y + 4)), width=2.0, alpha=0.5)
            for side in (-8.5, 8.5):
                easel.seam(line((x + side, cut.top), (x + side, 230)), width=1.2, alpha=0.4)
