"""Handbags and backpacks."""

import numpy as np

from training.drawing.easel import Easel
from training.drawing.geometry import AXIS, Spot, box, circle, flipped, line, shape
from training.drawing.palette import GOLD, SILVER, darker
from training.drawing.spec import ProductSpec


def handbag(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a tote, a satchel or a shoulder bag."""
    style = spec.variant("style", "tote")
    if style == "satchel":
        _satchel(easel)
    elif style == "shoulder":
        _shoulder_bag(easel)
    else:
        _tote(easel)


def _tote(easel: Easel) -> None:
    _handle(easel, 40.0, darker(easel.cloth.base, 0.3))
    easel.solid(shape([(62, 104), (70, 96), (186, 96), (194, 104)]),
                darker(easel.cloth.base, 0.5), lit=False)  # fmt: skip
    easel.fabric(shape([(60, 104), (196, 104), (208, 214, 0.4), (202, 222), (54, 222),
                        (48, 214, 0.4)]))  # fmt: skip
    for side in (-1, 1):
        easel.fold((AXIS + side * 70, 122), (AXIS + side * 60, 214), 9.0)
    easel.seam(line((56, 208), (200, 208)))
    easel.stitch(line((61, 111), (195, 111)))
    _handle(easel, 48.0, darker(easel.cloth.base, 0.12))
    for side in (-1, 1):
        x = AXIS + side * 33
        tab = shape([(x - 7, 106), (x + 7, 106), (x + 7, 132), (x, 139), (x - 7, 132)])
        easel.fabric(tab, patterned=False, tone=0.12)
        easel.metal(circle(x, 128, 3.2), GOLD)
        easel.metal(circle(x, 113, 3.2), GOLD)


def _handle(easel: Easel, top: float, rgb: tuple[int, int, int]) -> None:
    arc = line((AXIS - 33, 118), (AXIS - 29, top + 32, 0.9), (AXIS, top, 1.1),
               (AXIS + 29, top + 32, 0.9), (AXIS + 33, 118))  # fmt: skip
    easel.rod(arc, rgb, 7.0)


def _satchel(easel: Easel) -> None:
    arc = line((AXIS - 30, 102), (AXIS - 27, 72, 0.9), (AXIS, 58, 1.1), (AXIS + 27, 72, 0.9),
               (AXIS + 30, 102))  # fmt: skip
    easel.rod(arc, darker(easel.cloth.base, 0.2), 7.5)
    right: list[Spot] = [(AXIS + 62, 98), (AXIS + 70, 108, 0.8), (AXIS + 76, 196, 0.6),
                         (AXIS + 68, 208)]  # fmt: skip
    easel.fabric(shape([*right, *flipped(right)[::-1]]))
    for side in (-1, 1):
        easel.metal(circle(AXIS + side * 30, 101, 5.0), GOLD)
        easel.seam(line((AXIS + side * 66, 106), (AXIS + side * 70, 204)))
    flap: list[Spot] = [(AXIS + 63, 97), (AXIS + 70, 106, 0.8), (AXIS + 71, 142, 0.7),
                        (AXIS + 56, 158, 0.9)]  # fmt: skip
    easel.shadow(shape([(AXIS - 70, 140), (AXIS + 70, 140), (AXIS + 58, 166, 0.8),
                        (AXIS - 58, 166, 0.8)]), 0.16)  # fmt: skip
    easel.fabric(shape([*flap, (AXIS, 162, 1.0), *flipped(flap)[::-1]]), tone=-0.05)
    easel.stitch(line((AXIS - 64, 140), (AXIS - 52, 152, 0.9), (AXIS, 156, 1.0),
                      (AXIS + 52, 152, 0.9), (AXIS + 64, 140)))  # fmt: skip
    easel.fabric(box(AXIS - 9, 138, AXIS + 9, 176, 5), patterned=False, tone=0.16)
    easel.metal(box(AXIS - 11, 156, AXIS + 11, 172, 3), GOLD)
    easel.solid(circle(AXIS, 164, 2.6), (90, 66, 30), contour=0.6, lit=False)


def _shoulder_bag(easel: Easel) -> None:
    strap = line((66, 136), (72, 60, 0.9), (AXIS, 22, 1.1), (184, 60, 0.9), (190, 136))
    easel.rod(strap, darker(easel.cloth.base, 0.16), 6.0)
    bag = shape([(54, 130, 0.6), (64, 124), (AXIS, 128, 0.8), (192, 124), (202, 130, 0.6),
                 (206, 172, 0.9), (176, 214, 1.0), (AXIS, 224, 1.0), (80, 214, 1.0),
                 (50, 172, 0.9)])  # fmt: skip
    easel.fabric(bag)
    easel.shadow(shape([(56, 162), (200, 162), (170, 194, 0.9), (AXIS, 200, 1.0),
                        (86, 194, 0.9)]), 0.14)  # fmt: skip
    flap = shape([(53, 129, 0.6), (64, 122), (AXIS, 126, 0.8), (192, 122), (203, 129, 0.6),
                  (198, 164, 0.9), (164, 186, 1.0), (AXIS, 192, 1.0), (92, 186, 1.0),
                  (58, 164, 0.9)])  # fmt: skip
    easel.fabric(flap, tone=-0.05)
    easel.stitch(line((61, 156), (93, 180, 1.0), (AXIS, 186, 1.0), (163, 180, 1.0), (195, 156)))
    easel.metal(box(AXIS - 12, 178, AXIS + 12, 198, 4), GOLD)
    for x in (66, 190):
        easel.metal(circle(x, 132, 6.0), GOLD)
        easel.fabric(circle(x, 132, 2.6), patterned=False, contour=0.8)


def backpack(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a zipped or a flap-topped backpack from the front."""
    for side in (-1, 1):
        strap = line((AXIS + side * 40, 60), (AXIS + side * 82, 110, 1.0), (AXIS + side * 66, 206))
        easel.rod(strap, darker(easel.cloth.base, 0.3), 10.0)
    easel.rod(line((AXIS - 15, 44), (AXIS - 12, 24, 0.9), (AXIS, 18, 1.0), (AXIS + 12, 24, 0.9),
                   (AXIS + 15, 44)), darker(easel.cloth.base, 0.25), 6.0)  # fmt: skip
    right: list[Spot] = [(AXIS + 34, 40, 0.8), (AXIS + 60, 66, 0.9), (AXIS + 66, 130, 0.8),
                         (AXIS + 68, 208, 0.8), (AXIS + 56, 222, 0.8)]  # fmt: skip
    easel.fabric(shape([(AXIS, 34, 0.9), *right, *flipped(right)[::-1]]))
    for side in (-1, 1):
        easel.fold((AXIS + side * 60, 84), (AXIS + side * 56, 150), 8.0)
    if spec.variant("style") == "flap":
        _flap_pack(easel)
    else:
        _zipped_pack(easel)


def _zipped_pack(easel: Easel) -> None:
    arch = line((AXIS - 58, 130), (AXIS - 52, 76, 0.9), (AXIS, 50, 1.0), (AXIS + 52, 76, 0.9),
                (AXIS + 58, 130))  # fmt: skip
    _draw_zip(easel, arch)
    easel.metal(box(AXIS + 50, 88, AXIS + 56, 104, 2.5), SILVER)
    pocket: list[Spot] = [(AXIS + 40, 138, 0.8), (AXIS + 51, 152, 0.9), (AXIS + 53, 200, 0.8),
                          (AXIS + 44, 212, 0.8)]  # fmt: skip
    easel.fabric(shape([(AXIS, 135, 0.9), *pocket, *flipped(pocket)[::-1]]), tone=-0.04)
    _draw_zip(easel, line((AXIS - 44, 158), (AXIS - 34, 147, 0.9), (AXIS, 144, 1.0),
                          (AXIS + 34, 147, 0.9), (AXIS + 44, 158)))  # fmt: skip
    easel.metal(box(AXIS - 30, 148, AXIS - 25, 163, 2.5), SILVER)
    patch = box(AXIS - 13, 102, AXIS + 13, 120, 2)
    easel.solid(patch, (178, 126, 78), contour=1.0)
    easel.stitch(box(AXIS - 10.5, 104.5, AXIS + 10.5, 117.5, 1), (240, 214, 170), width=0.8)


def _draw_zip(easel: Easel, path: object) -> None:
    easel.rod(path, darker(easel.cloth.base, 0.5), 4.0)
    easel.stitch(path, SILVER, width=2.0)


def _flap_pack(easel: Easel) -> None:
    pocket = shape([(AXIS - 46, 150), (AXIS + 46, 150), (AXIS + 49, 206, 0.7), (AXIS + 40, 214),
                    (AXIS - 40, 214), (AXIS - 49, 206, 0.7)])  # fmt: skip
    easel.fabric(pocket, tone=-0.03)
    easel.shadow(shape([(AXIS - 62, 118), (AXIS + 62, 118), (AXIS + 50, 148, 0.8),
                        (AXIS - 50, 148, 0.8)]), 0.16)  # fmt: skip
    flap: list[Spot] = [(AXIS + 34, 38, 0.8), (AXIS + 61, 64, 0.9), (AXIS + 66, 118, 0.8),
                        (AXIS + 50, 138, 0.8)]  # fmt: skip
    easel.fabric(
        shape([(AXIS, 32, 0.9), *flap, (AXIS, 141, 0.8), *flipped(flap)[::-1]]), tone=-0.06
    )
    for side in (-1, 1):
        x = AXIS + side * 26
        strap = shape([(x - 6, 108), (x + 6, 108), (x + 6, 172), (x, 179), (x - 6, 172)])
        easel.solid(strap, (138, 92, 56))
        easel.metal(box(x - 8.5, 146, x + 8.5, 161, 2.5), GOLD)
        easel.solid(box(x - 5, 149.5, x + 5, 157.5, 1), (138, 92, 56), contour=0.8)
