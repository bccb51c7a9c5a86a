"""Sneakers, boots and heels, seen from the side with the toe to the right."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from training.drawing.easel import Easel
from training.drawing.geometry import Path, Spot, box, circle, common, line, oval, shape
from training.drawing.palette import GOLD, GUM, RUBBER, Rgb, darker, lighter, luminance
from training.drawing.spec import ProductSpec


def sneakers(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw one sneaker: upper, toe cap, heel tab, laces and rubber sole."""
    high = spec.variant("top") == "high"
    light = luminance(easel.cloth.base) > 0.9
    rubber = GUM if spec.variant("sole") == "gum" else RUBBER
    collar = 52.0 if high else 100.0
    _tongue(easel, collar, light)
    upper = _sneaker_upper(collar, high)
    easel.fabric(upper)
    _heel_tab(easel, upper, collar)
    _side_stripes(easel, upper, light)
    trim = darker(RUBBER, 0.06) if not light else (226, 226, 228)
    easel.solid(common(upper, oval(216, 178, 40, 34)), trim, contour=1.3)
    _laces(easel, collar, high, light)
    _rubber_sole(easel, rubber)


def _sneaker_upper(collar: float, high: bool) -> Path:
    opening: list[Spot] = [(56, collar + 2, 0.7), (78, collar + 9, 0.9), (98, collar + 3)]
    if high:
        opening = [(58, collar, 0.6), (80, collar + 3, 0.9), (104, collar)]
    return shape([(42, 178), (40, 150, 0.9), (46 if high else 44, 128, 0.9), *opening,
                  (120, 112 if high else 108, 0.9), (166, 138, 0.9), (204, 150, 0.9),
                  (224, 166, 0.8), (224, 180)])  # fmt: skip


def _tongue(easel: Easel, collar: float, light: bool) -> None:
    lining = darker(easel.cloth.base, 0.32) if not light else (190, 190, 196)
    inside = shape([(54, collar + 4), (80, collar - 3, 1.0), (112, collar + 2), (104, collar + 22),
                    (70, collar + 22)])  # fmt: skip
    easel.solid(inside, lining, contour=1.2, lit=False)
    easel.fabric(shape([(96, collar + 20), (100, collar - 10, 0.6), (110, collar - 16, 0.8),
                        (121, collar - 8, 0.6), (150, 132), (120, 132)]), tone=0.04)  # fmt: skip


def _heel_tab(easel: Easel, upper: Path, collar: float) -> None:
    tab = common(upper, shape([(30, collar - 10), (64, collar - 10), (66, collar + 22, 0.8),
                               (72, 180), (30, 180)]))  # fmt: skip
    easel.fabric(tab, tone=0.18, patterned=False, contour=1.2)


def _side_stripes(easel: Easel, upper: Path, light: bool) -> None:
    paint: Rgb = RUBBER if not light else (206, 207, 212)
    if easel.cloth.pattern != "plain":
        return
    with easel.within(upper):
        for x in (98, 116, 134):
            bar = shape([(x, 120), (x + 8, 120), (x - 8, 182), (x - 16, 182)])
            easel.solid(bar, paint, contour=0.8, lit=False)


def _laces(easel: Easel, collar: float, high: bool, light: bool) -> None:
    panel = shape([(100, collar + 4), (114, collar), (124, 104, 0.8), (176, 136, 0.8), (170, 148),
                   (118, 122, 0.8)])  # fmt: skip
    easel.fabric(panel, patterned=False, tone=0.1, contour=1.2)
    cord: Rgb = (252, 251, 248) if not light else (214, 214, 220)
    rows: list[tuple[float, float]] = [(126, 110), (138, 118), (150, 125), (162, 132)]
    if high:
        rows = [(108, 62), (111, 78), (115, 93), *rows]
    for x, y in rows:
        easel.rod(line((x - 9, y + 7), (x + 5, y - 6)), cord, 3.4)


def _rubber_sole(easel: Easel, rubber: Rgb) -> None:
    sole = shape([(36, 172), (130, 176, 0.7), (226, 172), (233, 182, 0.9), (226, 196, 0.7),
                  (214, 198), (50, 198), (38, 194, 0.8), (35, 182, 0.9)])  # fmt: skip
    easel.solid(sole, rubber)
    paint = darker(rubber, 0.3)
    easel.stitch(line((40, 181), (130, 184, 0.7), (228, 181)), paint, width=1.0)
    tread = shape([(38, 192), (50, 194), (214, 194), (229, 191), (224, 198), (212, 201),
                   (52, 201), (41, 198)])  # fmt: skip
    easel.solid(tread, darker(rubber, 0.22), contour=1.0, lit=False)


_SHAFT_TOPS: Mapping[str, float] = MappingProxyType({"ankle": 96.0, "mid": 62.0, "knee": 4.0})


def boots(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw one boot: shaft, foot, sole and heel, laced, elasticated or heeled."""
    top = _SHAFT_TOPS[spec.variant("height", "ankle")]
    style = spec.variant("style", "lace-up")
    rise = 24.0 if style == "heeled" else 0.0
    _boot_opening(easel, top)
    upper = _boot_upper(top, rise)
    easel.fabric(upper)
    _boot_folds(easel, top, rise)
    if style == "chelsea":
        _elastic(easel, top)
    elif style == "lace-up":
        _boot_laces(easel, upper, top)
    else:
        _boot_zip(easel, top)
    _pull_loop(easel, top)
    if rise:
        _heeled_sole(easel, rise)
    else:
        _flat_sole(easel)


def _boot_upper(top: float, rise: float) -> Path:
    tall = top < 40
    seat = 212.0 - rise
    back: list[Spot] = [(70, seat), (67, seat - 26, 0.9), (72, 150 - rise * 0.5, 0.9)]
    front: list[Spot] = [(126, 148 - rise * 0.3, 0.8), (146, 166 - rise * 0.3, 0.9)]
    if tall:
        back += [(60, 66, 0.9)]
        front = [(134, 66, 0.9), (124, 140 - rise * 0.3, 0.9), *front[1:]]
    return shape([*back, (62 if tall else 68, top), (134 if tall else 128, top - 2), *front,
                  (186, 182, 0.9), (208, 200, 0.8), (209, 214), (150, 214, 0.5)])  # fmt: skip


def _boot_opening(easel: Easel, top: float) -> None:
    left, right = (62, 134) if top < 40 else (68, 128)
    easel.solid(oval((left + right) / 2, top, (right - left) / 2, 5.5),
                darker(easel.cloth.base, 0.5), lit=False)  # fmt: skip


def _boot_folds(easel: Easel, top: float, rise: float) -> None:
    easel.fold((124, 152 - rise * 0.3), (84, 166 - rise * 0.5), 7.0)
    easel.fold((138, 162 - rise * 0.3), (104, 184 - rise * 0.5), 6.0)
    easel.shine(shape([(78, top + 12), (86, top + 12), (84, 138 - rise), (80, 138 - rise)]), 0.16)
    easel.shine(shape([(158, 178), (182, 186, 0.9), (196, 196), (176, 190, 0.9)]), 0.22)


def _elastic(easel: Easel, top: float) -> None:
    low = min(top + 74, 164)
    gore = shape([(88, top), (112, top), (107, low - 8, 0.8), (100, low), (93, low - 8, 0.8)])
    easel.fabric(gore, patterned=False, tone=0.3, weave="rib")


def _boot_laces(easel: Easel, upper: Path, top: float) -> None:
    edge = 134.0 if top < 40 else 128.0
    panel = common(upper, shape([(edge - 20, top - 4), (edge + 4, top - 4), (edge + 2, 130),
                                 (164, 168), (150, 186), (112, 158), (106, 120)]))  # fmt: skip
    easel.fabric(panel, patterned=False, tone=0.14, contour=1.2)
    cord: Rgb = (244, 232, 206) if luminance(easel.cloth.base) < 0.8 else (120, 96, 70)
    height = top + 10
    while height < 146:
        easel.rod(line((edge - 18, height + 4), (edge - 1, height - 2)), cord, 2.8)
        height += 14
    easel.rod(line((118, 160), (136, 150)), cord, 2.8)
    easel.rod(line((132, 172), (148, 160)), cord, 2.8)


def _boot_zip(easel: Easel, top: float) -> None:
    easel.seam(line((98, top), (96, 150), (100, 176)), width=1.6)
    easel.stitch(line((102, top + 2), (100, 150), (104, 174)), width=1.0)
    easel.metal(box(95, top + 8, 100, top + 20, 2), GOLD)


def _pull_loop(easel: Easel, top: float) -> None:
    x = 62.0 if top < 40 else 68.0
    easel.fabric(box(x - 2.5, top - 9, x + 5, top + 12, 3), patterned=False, tone=0.2, contour=1.1)


def _flat_sole(easel: Easel) -> None:
    rubber: Rgb = (58, 48, 42) if luminance(easel.cloth.base) > 0.22 else (96, 82, 70)
    sole = shape([(66, 211), (140, 214, 0.6), (212, 211), (216, 218, 0.8), (212, 227), (118, 227),
                  (112, 222), (106, 222), (104, 231), (67, 231), (64, 220, 0.8)])  # fmt: skip
    easel.solid(sole, rubber)
    easel.stitch(line((70, 215), (140, 217, 0.6), (210, 215)), lighter(rubber, 0.5), width=1.0)


def _heeled_sole(easel: Easel, rise: float) -> None:
    dark = darker(easel.cloth.base, 0.45)
    seat = 212.0 - rise
    heel = shape([(68, seat - 2), (106, seat + 4), (100, 218), (101, 231), (73, 231), (73, 216)])
    easel.solid(heel, dark)
    sole = shape([(68, seat - 3), (104, seat, 0.7), (136, 212, 0.9), (168, 214), (211, 213),
                  (214, 219, 0.8), (206, 222), (154, 222, 0.6), (130, 217, 0.9),
                  (102, seat + 7, 0.8), (68, seat + 3)])  # fmt: skip
    easel.solid(sole, darker(easel.cloth.base, 0.55), lit=False)


def heels(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw one pump: a pointed toe, an open top and a thin high or a small low heel."""
    seat = 128.0 if spec.variant("heel") == "high" else 166.0
    back = seat - 44.0
    _heel_spike(easel, seat)
    _far_side(easel, seat, back)
    easel.fabric(_pump(seat, back))
    _pump_shine(easel, seat)
    sole = shape([(60, seat + 3), (86, seat + 12, 0.9), (128, (seat + 206) / 2 + 12, 0.9),
                  (168, 206, 0.9), (236, 208), (228, 212), (166, 212, 0.8),
                  (124, (seat + 206) / 2 + 17, 0.9), (82, seat + 18, 0.9),
                  (58, seat + 8)])  # fmt: skip
    easel.solid(sole, darker(easel.cloth.base, 0.5), contour=1.0, lit=False)
    if spec.variant("style") == "strap":
        _ankle_strap(easel, back)


def _pump(seat: float, back: float) -> Path:
    middle = (seat + 206) / 2
    return shape([(58, seat + 6), (51, seat - 18, 0.9), (55, back, 0.6), (61, back - 2, 0.6),
                  (74, seat - 24, 0.9), (100, seat - 6, 0.9), (136, middle - 8, 0.9),
                  (160, 173, 0.9), (176, 177, 0.9), (206, 190, 0.9), (238, 206), (168, 208, 0.8),
                  (128, middle + 14, 0.9), (84, seat + 14, 0.9)])  # fmt: skip


def _far_side(easel: Easel, seat: float, back: float) -> None:
    middle = (seat + 206) / 2
    inside = shape([(60, back - 1), (80, seat - 27, 0.9), (106, seat - 12, 0.9),
                    (142, middle - 15, 0.9), (170, 168, 0.9), (182, 178, 0.8), (162, 182),
                    (100, seat + 6), (66, seat - 10)])  # fmt: skip
    easel.solid(inside, lighter(darker(easel.cloth.base, 0.25), 0.28), contour=1.3, lit=False)


def _heel_spike(easel: Easel, seat: float) -> None:
    tip = 217.0
    fall = tip - seat
    spike = shape([(54, seat - 4), (92, seat + 16), (78, seat + 12 + fall * 0.16, 0.9),
                   (67, seat + fall * 0.6, 0.9), (65, tip), (58, tip),
                   (56, seat + fall * 0.55, 0.9), (53, seat + fall * 0.14, 0.9)])  # fmt: skip
    easel.fabric(spike, patterned=False, tone=0.16)
    easel.solid(box(57, tip - 2, 66, tip + 3, 1), (40, 36, 38), contour=0.8, lit=False)


def _pump_shine(easel: Easel, seat: float) -> None:
    easel.shine(shape([(180, 183), (204, 192, 0.9), (222, 202), (200, 197, 0.9)]), 0.35)
    easel.shine(shape([(58, seat - 20), (64, seat - 18), (70, seat), (62, seat - 2)]), 0.22)


def _ankle_strap(easel: Easel, back: float) -> None:
    counter = shape([(54, back + 6), (52, back - 30), (60, back - 31), (64, back + 6)])
    far = line((55, back - 26), (76, back - 36, 1.0), (100, back - 30, 1.0))
    easel.rod(far, darker(easel.cloth.base, 0.3), 4.0)
    easel.fabric(counter, patterned=False)
    near = line((54, back - 26), (76, back - 17, 1.0), (100, back - 29, 1.0))
    easel.rod(near, easel.cloth.base, 5.0)
    easel.metal(circle(80, back - 17.5, 4.2), GOLD)
