"""Hats, caps, scarves, watches and sunglasses."""

import math

import numpy as np

from training.drawing import fabric
from training.drawing.easel import Easel
from training.drawing.geometry import (
    AXIS,
    Path,
    Spot,
    box,
    circle,
    common,
    flipped,
    line,
    oval,
    shape,
)
from training.drawing.palette import GOLD, SILVER, Rgb, darker, lighter, luminance, mix
from training.drawing.spec import ProductSpec


def hat(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a fedora, a sun hat, a bucket hat or a beanie."""
    style = spec.variant("style", "fedora")
    if style == "beanie":
        _beanie(easel)
    elif style == "bucket":
        _bucket(easel)
    else:
        _brimmed(easel, floppy=style == "sun hat")


def _brimmed(easel: Easel, *, floppy: bool) -> None:
    weave = "straw" if floppy else None
    wide = 112.0 if floppy else 98.0
    brim: list[Spot] = [(AXIS + wide * 0.55, 152, 0.9), (AXIS + wide, 160, 1.0),
                        (AXIS + wide * 0.7, 184 if floppy else 178, 1.0)]  # fmt: skip
    easel.fabric(shape([(AXIS, 150, 1.0), *brim, (AXIS, 190 if floppy else 182, 1.0),
                        *flipped(brim)[::-1]]), weave=weave)  # fmt: skip
    easel.shadow(oval(AXIS, 163, 60, 13), 0.22)
    dent: list[Spot] = [(AXIS + 20, 82, 0.9), (AXIS + 40, 90, 0.8), (AXIS + 49, 122, 0.9)]
    if floppy:
        dent = [(AXIS + 34, 86, 1.0), (AXIS + 50, 122, 0.9)]
    crown = shape([(AXIS, 76 if floppy else 87, 1.0), *dent, (AXIS + 54, 160), (AXIS, 170, 1.0),
                   (AXIS - 54, 160), *flipped(dent)[::-1]])  # fmt: skip
    easel.fabric(crown, weave=weave)
    if not floppy:
        for side in (-1, 1):
            easel.fold((AXIS + side * 38, 92), (AXIS + side * 26, 134), 9.0, bend=4.0 * side)
        easel.fold((AXIS, 87), (AXIS + 3, 118), 16.0)
    band = common(crown, shape([(AXIS - 70, 138), (AXIS, 148, 1.0), (AXIS + 70, 138),
                                (AXIS + 70, 162), (AXIS, 172, 1.0), (AXIS - 70, 162)]))  # fmt: skip
    easel.solid(band, _ribbon(easel))
    if floppy:
        _ribbon_bow(easel)


def _ribbon(easel: Easel) -> Rgb:
    if easel.cloth.pattern != "plain":
        return darker(easel.cloth.base, 0.5)
    if luminance(easel.cloth.base) > 0.3:
        return darker(easel.cloth.base, 0.55)
    return lighter(easel.cloth.base, 0.35)


def _ribbon_bow(easel: Easel) -> None:
    paint = _ribbon(easel)
    upper: list[Spot] = [(AXIS + 40, 152), (AXIS + 62, 140, 0.8), (AXIS + 64, 156)]
    lower: list[Spot] = [(AXIS + 40, 154), (AXIS + 58, 178, 0.6), (AXIS + 48, 182)]
    for spots in (upper, lower):
        easel.solid(shape(spots), paint, contour=1.0)
    easel.solid(circle(AXIS + 41, 153, 4.5), paint, contour=1.0)


def _bucket(easel: Easel) -> None:
    easel.fabric(shape([(AXIS - 50, 142), (AXIS, 150, 1.0), (AXIS + 50, 142), (AXIS + 88, 186, 0.5),
                        (AXIS, 212, 1.0), (AXIS - 88, 186, 0.5)]), tone=0.03)  # fmt: skip
    for inset in (0.3, 0.55, 0.8):
        wide, low = 50 + 38 * inset, 142 + 44 * inset
        easel.seam(line((AXIS - wide, low), (AXIS, low + 8 + 18 * inset, 1.0), (AXIS + wide, low)),
                   width=1.0, alpha=0.5)  # fmt: skip
    easel.fabric(shape([(AXIS - 42, 84, 0.6), (AXIS, 76, 1.0), (AXIS + 42, 84, 0.6),
                        (AXIS + 52, 144), (AXIS, 153, 1.0), (AXIS - 52, 144)]))  # fmt: skip
    easel.seam(line((AXIS - 43, 90), (AXIS, 98, 1.0), (AXIS + 43, 90)))
    for x in (-1, 1):
        easel.metal(circle(AXIS + x * 28 - 5, 122, 2.4), SILVER, contour=0.8)
        easel.metal(circle(AXIS + x * 28 + 5, 122, 2.4), SILVER, contour=0.8)


def _beanie(easel: Easel) -> None:
    easel.solid(circle(AXIS, 56, 21), lighter(easel.cloth.base, 0.18) if not easel.cloth.dark
                else lighter(easel.cloth.base, 0.25))  # fmt: skip
    for step in range(14):
        turn = step * 2.39996
        reach = 3 + step * 1.15
        x, y = AXIS + math.cos(turn) * reach, 56 + math.sin(turn) * reach
        easel.seam(line((x - 2.5, y), (x, y - 2, 1.0), (x + 2.5, y)), width=1.2, alpha=0.5)
    easel.fabric(shape([(AXIS - 66, 168), (AXIS - 62, 116, 0.9), (AXIS, 66, 1.1),
                        (AXIS + 62, 116, 0.9), (AXIS + 66, 168)]), weave="knit")  # fmt: skip
    for share in (-0.6, -0.2, 0.2, 0.6):
        easel.seam(line((AXIS + share * 12, 70), (AXIS + share * 62, 110, 0.9),
                        (AXIS + share * 68, 166)), alpha=0.4)  # fmt: skip
    easel.fabric(shape([(AXIS - 70, 160, 0.4), (AXIS, 168, 1.0), (AXIS + 70, 160, 0.4),
                        (AXIS + 70, 200, 0.4), (AXIS, 208, 1.0), (AXIS - 70, 200, 0.4)]),
                 patterned=False, weave="rib", tone=0.07)  # fmt: skip


def cap(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a baseball cap with its peak to the right."""
    dome = shape([(44, 164), (44, 116, 0.9), (74, 76, 1.0), (116, 64, 1.0), (160, 80, 1.0),
                  (184, 124, 0.9), (186, 158), (120, 170, 0.9)])  # fmt: skip
    easel.fabric(dome)
    for seam in (line((116, 64), (96, 110, 0.9), (98, 168)),
                 line((116, 64), (158, 104, 0.9), (168, 162))):  # fmt: skip
        easel.seam(seam)
    easel.stitch(line((116, 64), (92, 110, 0.9), (94, 167)), width=0.8)
    easel.fold((48, 158), (70, 120), 9.0)
    for x, y in ((78, 104), (138, 100), (170, 112)):
        easel.solid(circle(x, y, 2.4), darker(easel.cloth.base, 0.5), contour=0.8, lit=False)
    easel.fabric(oval(116, 63, 7, 4.5), patterned=False, tone=0.1)
    peak = shape([(118, 168), (150, 154, 0.9), (186, 150, 0.9), (222, 162, 1.0), (242, 182, 0.8),
                  (236, 190, 0.8), (196, 178, 1.0), (150, 178, 0.9)])  # fmt: skip
    easel.fabric(peak, angle=8.0, tone=0.05)
    for inset in (5.0, 10.0):
        easel.stitch(line((146, 173 - inset * 0.7), (196, 173 - inset * 0.8, 1.0),
                          (234 - inset, 184 - inset * 0.9)), width=0.9)  # fmt: skip
    if spec.variant("panel") == "badge":
        easel.solid(circle(132, 132, 15), (250, 248, 242) if luminance(easel.cloth.base) < 0.8
                    else (60, 60, 68))  # fmt: skip
        star = [(132 + math.cos(turn) * reach, 132 + math.sin(turn) * reach)
                for turn, reach in ((math.pi * (step / 5 - 0.5), 10 if step % 2 == 0 else 4.4)
                                    for step in range(10))]  # fmt: skip
        easel.solid(shape(star), easel.cloth.base, contour=0.8, lit=False)


def scarf(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a fringed scarf, wound round a neck or draped open."""
    if spec.variant("style") == "draped":
        _draped(easel)
    else:
        _wrapped(easel)


def _tail(easel: Easel, spots: list[Spot], angle: float) -> None:
    """Draw one hanging end: its last two spots are the fringed edge."""
    low_right, low_left = spots[2], spots[3]
    for step in range(11):
        share = (step + 0.5) / 11
        x = low_left[0] + (low_right[0] - low_left[0]) * share
        y = low_left[1] + (low_right[1] - low_left[1]) * share
        sway = math.sin(step * 2.1) * 1.6
        easel.rod(line((x, y - 3), (x + sway, y + 17)), easel.cloth.base, 2.0)
    easel.fabric(shape(spots), angle=angle)
    top, low = spots[0], low_left
    easel.fold(((top[0] + 9), top[1] + 8), (low[0] + 12, low[1] - 20), 8.0)
    easel.fold((low_right[0] - 10, low_right[1]), (spots[1][0] - 12, spots[1][1] + 40), 7.0)


def _wrapped(easel: Easel) -> None:
    """Draw a scarf wound twice round, both ends hanging in front."""
    _tail(easel, [(122, 100), (166, 96), (180, 190), (136, 197)], -6.0)
    _tail(easel, [(92, 100), (138, 104), (126, 222), (78, 216)], 6.0)
    hole = oval(128, 50, 40, 13)
    easel.solid(hole, darker(easel.cloth.base, 0.5), lit=False)
    back = shape([(72, 60, 0.9), (92, 32, 1.0), (128, 26, 1.0), (164, 32, 1.0), (184, 60, 0.9),
                  (164, 52, 0.9), (128, 40, 1.0), (92, 52, 0.9)])  # fmt: skip
    easel.fabric(back, tone=0.16, angle=90.0)
    low = shape([(66, 52, 0.8), (54, 88, 1.0), (78, 124, 1.0), (124, 138, 1.0), (172, 124, 1.0),
                 (200, 90, 1.0), (188, 52, 0.8), (128, 92, 1.2)])  # fmt: skip
    easel.fabric(low, angle=84.0, tone=0.05)
    easel.fold((64, 84), (130, 128), 10.0, bend=10.0)
    easel.fold((196, 84), (140, 130), 8.0, bend=-6.0)
    wrap = shape([(70, 44, 0.8), (62, 66, 1.0), (88, 92, 1.0), (140, 114, 1.0), (182, 110, 0.8),
                  (196, 76, 0.9), (186, 44, 0.8), (166, 58, 0.9), (128, 64, 1.0),
                  (90, 58, 0.9)])  # fmt: skip
    easel.fabric(wrap, angle=104.0)
    for start, end, bend in (((68, 56), (160, 104), 10.0), ((80, 54), (182, 84), 14.0),
                             ((190, 60), (120, 84), -10.0)):  # fmt: skip
        easel.fold(start, end, 8.0, bend=bend)


def _draped(easel: Easel) -> None:
    """Draw a long scarf looped over, its ends crossing and spreading."""
    back = shape([(88, 84, 0.8), (82, 50, 1.0), (104, 26, 1.0), (128, 20, 1.0), (152, 26, 1.0),
                  (174, 50, 1.0), (168, 84, 0.8), (150, 84), (148, 58, 0.9), (128, 46, 1.0),
                  (108, 58, 0.9), (106, 84)])  # fmt: skip
    easel.fabric(back, tone=0.12, angle=90.0)
    _tail(easel, [(134, 70), (175, 58), (112, 196), (62, 184)], 24.0)
    easel.shadow(shape([(88, 96), (122, 84), (168, 160), (132, 172)]), 0.12)
    _tail(easel, [(81, 58), (122, 70), (194, 200), (144, 216)], -24.0)


def watch(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a wristwatch face on, its strap running up and down."""
    case_paint = GOLD if spec.variant("case") == "gold" else SILVER
    _strap(easel, case_paint)
    square = spec.variant("dial") == "square"
    easel.metal(box(170, 120, 182, 136, 3), case_paint)
    for side in (-1, 1):
        for edge in (-1, 1):
            x, y = AXIS + side * 21, AXIS + edge * 46
            easel.metal(box(x - 5, y - 10, x + 5, y + 10, 3), case_paint)
    case = box(84, 82, 172, 174, 18) if square else circle(AXIS, AXIS, 48)
    face = box(92, 90, 164, 166, 12) if square else circle(AXIS, AXIS, 39)
    easel.metal(case, case_paint, contour=1.5)
    dial = (46, 48, 56) if luminance(easel.cloth.base) > 0.9 else (
        mix((252, 252, 250), easel.cloth.base, 0.08))  # fmt: skip
    easel.solid(face, dial, contour=1.2)
    _hands(easel, face, dial, rng)


def _strap(easel: Easel, case_paint: Rgb) -> None:
    upper = shape([(103, 96), (108, 26, 0.6), (112, 16), (144, 16), (148, 26, 0.6), (153, 96)])
    lower = shape([(103, 160), (107, 226, 0.6), (116, 242, 0.8), (140, 242, 0.8),
                   (149, 226, 0.6), (153, 160)])  # fmt: skip
    easel.rod(box(107, 8, 149, 24, 4), case_paint, 3.0)
    for part in (upper, lower):
        easel.fabric(part, angle=90.0)
    easel.rod(line((128, 8), (128, 26)), case_paint, 2.4)
    above = line((107, 92), (112, 24), (144, 24), (149, 92))
    below = line((107, 164), (111, 226), (119, 238), (137, 238), (145, 226), (149, 164))
    for part in (above, below):
        easel.stitch(part, lighter(easel.cloth.base, 0.5) if luminance(easel.cloth.base) < 0.6
                     else darker(easel.cloth.base, 0.4), width=1.0)  # fmt: skip
    for height in (196, 208, 220):
        easel.solid(
            oval(128, height, 2.2, 2.8), darker(easel.cloth.base, 0.6), contour=0.6, lit=False
        )


def _hands(easel: Easel, face: Path, dial: Rgb, rng: np.random.Generator) -> None:
    mark: Rgb = (44, 44, 52) if luminance(dial) > 0.5 else (240, 240, 236)
    for hour in range(12):
        turn = math.radians(hour * 30)
        long = 25.0 if hour % 3 == 0 else 28.5
        easel.canvas.drawPath(
            line((AXIS + math.sin(turn) * long, AXIS - math.cos(turn) * long),
                 (AXIS + math.sin(turn) * 33, AXIS - math.cos(turn) * 33)),
            fabric.stroke(mark, 3.0 if hour % 3 == 0 else 1.8))  # fmt: skip
    minute = float(rng.uniform(0, 60))
    hour_turn = math.radians(10 * 30 + minute / 2)
    for turn, long, width in ((hour_turn, 18.0, 4.0), (math.radians(minute * 6), 27.0, 2.8)):
        tip = (AXIS + math.sin(turn) * long, AXIS - math.cos(turn) * long)
        easel.canvas.drawPath(line((AXIS, AXIS), tip), fabric.stroke(mark, width))
    easel.canvas.drawPath(circle(AXIS, AXIS, 3.4), fabric.fill(mark))
    with easel.within(face):
        easel.shine(shape([(84, 84), (132, 84), (96, 172), (60, 172)]), 0.28)


def sunglasses(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw sunglasses from the front, their arms running back."""
    frame = spec.variant("frame", "round")
    lens = _lens(frame)
    _arms(easel)
    _bridge(easel, frame)
    for spots in (flipped(lens), lens):
        outer = shape(spots)
        easel.fabric(_rim(spots, frame), patterned=False)
        _glass(easel, outer)
        easel.canvas.drawPath(outer, fabric.stroke(easel.cloth.line, 1.5))


def _lens(frame: str) -> list[Spot]:
    if frame == "round":
        return [(182 + math.cos(turn) * 36, 134 + math.sin(turn) * 36, 1.0)
                for turn in (math.pi * step / 4 for step in range(8))]  # fmt: skip
    if frame == "square":
        return [(146, 108, 0.7), (156, 102, 0.7), (214, 102, 0.7), (224, 110, 0.7),
                (220, 150, 0.8), (208, 164, 0.8), (164, 164, 0.8), (150, 152, 0.8)]  # fmt: skip
    if frame == "aviator":
        return [(144, 106, 0.7), (184, 100, 0.9), (222, 106, 0.8), (226, 126, 0.9),
                (208, 162, 1.0), (182, 172, 1.0), (156, 154, 1.0), (143, 124, 0.9)]  # fmt: skip
    return [(146, 116, 0.8), (176, 104, 0.8), (226, 94, 0.5), (228, 108, 0.8), (216, 146, 0.9),
            (190, 160, 1.0), (160, 154, 0.9), (146, 134, 0.9)]  # fmt: skip


def _rim(spots: list[Spot], frame: str) -> Path:
    """Return the lens outline grown to the frame's thickness."""
    thick = 5.5 if frame == "aviator" else 9.0
    x = sum(spot[0] for spot in spots) / len(spots)
    y = sum(spot[1] for spot in spots) / len(spots)
    grown: list[Spot] = []
    for spot in spots:
        away = math.hypot(spot[0] - x, spot[1] - y)
        scale = (away + thick) / away
        grown.append((x + (spot[0] - x) * scale, y + (spot[1] - y) * scale, *spot[2:]))
    return shape(grown)


def _glass(easel: Easel, lens: Path) -> None:
    tint = darker(mix((60, 60, 66), easel.cloth.base, 0.35), 0.25)
    extent = lens.getBounds()
    shader = fabric.gradient((0, extent.top()), (0, extent.bottom()), (darker(tint, 0.3), 1.0),
                             (mix(tint, (200, 200, 206), 0.4), 1.0))  # fmt: skip
    easel.paint(lens, shader)
    with easel.within(lens):
        left = extent.left()
        for start, wide in ((14, 16), (38, 7)):
            x = left + start
            easel.shine(shape([(x + 22, 80), (x + 22 + wide, 80), (x - 18 + wide, 190),
                               (x - 18, 190)]), 0.2)  # fmt: skip


def _bridge(easel: Easel, frame: str) -> None:
    if frame == "aviator":
        easel.rod(line((108, 106), (128, 103, 1.0), (148, 106)), easel.cloth.base, 4.5)
    easel.rod(line((104, 124), (128, 114, 1.1), (152, 124)), easel.cloth.base,
              5.0 if frame == "aviator" else 8.5)  # fmt: skip


def _arms(easel: Easel) -> None:
    arm: list[Spot] = [(231, 118), (234, 106, 0.8), (212, 78, 0.9), (178, 58, 0.9), (164, 60, 0.8),
                       (166, 67, 0.8), (176, 67, 0.8), (204, 84, 0.9), (221, 108, 0.8),
                       (219, 118)]  # fmt: skip
    for spots in (flipped(arm), arm):
        easel.fabric(shape(spots), patterned=False, tone=0.25)
