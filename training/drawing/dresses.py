"""Dresses and skirts."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from training.drawing.easel import Easel
from training.drawing.geometry import AXIS, Path, Spot, box, flipped, line, shape
from training.drawing.spec import ProductSpec
from training.drawing.tailoring import (
    Cut,
    Sleeve,
    body_folds,
    draw_inside,
    draw_neck_band,
    draw_sleeves,
    neckline,
)

_HEM_Y: Mapping[str, float] = MappingProxyType({"mini": 168.0, "midi": 206.0, "maxi": 244.0})
_SPREAD: Mapping[str, float] = MappingProxyType(
    {"fitted": 0.06, "pencil": -0.03, "a-line": 0.36, "pleated": 0.34, "flared": 0.56}
)
_SLEEVES: Mapping[str, Sleeve] = MappingProxyType(
    {"short": Sleeve(34, 36, 26, full=4), "long": Sleeve(96, 17, 16)}
)


def dress(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a dress: bodice, waist and skirt."""
    sleeve = spec.variant("sleeve")
    cut = Cut(neck=16, shoulder=33, chest=32, waist=25, hem=26, top=24, drop=8, armpit=66,
              waist_y=98, hem_y=102, depth=17, v_neck=spec.variant("neckline") == "v-neck",
              sag=3)  # fmt: skip
    if sleeve == "sleeveless":
        cut = replace(cut, neck=17, shoulder=27, drop=4)
    hem_y = _HEM_Y[spec.variant("length", "midi")]
    cut_name = spec.variant("cut", "a-line")
    if sleeve == "straps":
        _strapped_bodice(easel, cut)
    else:
        draw_inside(easel, cut)
        if sleeve in _SLEEVES:
            draw_sleeves(easel, cut, _SLEEVES[sleeve])
        easel.fabric(_bodice(cut))
        draw_neck_band(easel, cut, 3.5)
    body_folds(easel, replace(cut, hem_y=99, waist_y=90), 0.5)
    draw_skirt(easel, cut_name, waist=cut.waist, top=99, hem_y=hem_y, rng=rng)
    _waistband(easel, cut.waist)


def _bodice(cut: Cut) -> Path:
    right: list[Spot] = [
        cut.shoulder_point,
        (AXIS + cut.chest - 3, cut.armpit - 14, 1.0),
        (AXIS + cut.chest, cut.armpit),
        (AXIS + cut.waist + 1, cut.waist_y - 8, 1.0),
        (AXIS + cut.waist, cut.hem_y),
    ]
    return shape([*neckline(cut), *right, *flipped(right)[::-1]])


def _strapped_bodice(easel: Easel, cut: Cut) -> None:
    for side in (-1, 1):
        strap = line((AXIS + side * 16, 22), (AXIS + side * 19, 40, 1.0), (AXIS + side * 20, 52))
        easel.rod(strap, easel.cloth.base, 3.2)
    dip = 8.0 if cut.v_neck else 1.0
    right: list[Spot] = [
        (AXIS + 20, 47, 0.8),
        (AXIS + 27, 54, 0.8),
        (AXIS + cut.chest, cut.armpit + 2),
        (AXIS + cut.waist + 1, cut.waist_y - 8, 1.0),
        (AXIS + cut.waist, cut.hem_y),
    ]
    easel.fabric(shape([(AXIS, 54 + dip), *right, *flipped(right)[::-1]]))
    for side in (-1, 1):
        easel.fold((AXIS + side * 6, 70), (AXIS + side * 26, 62), 4.0)


def _waistband(easel: Easel, waist: float) -> None:
    band = shape([(AXIS - waist - 0.5, 94), (AXIS, 96, 1.0), (AXIS + waist + 0.5, 94),
                  (AXIS + waist + 0.5, 102), (AXIS, 104.5, 1.0),
                  (AXIS - waist - 0.5, 102)])  # fmt: skip
    easel.fabric(band, patterned=False, tone=0.12, contour=1.2)


def skirt(easel: Easel, spec: ProductSpec, rng: np.random.Generator) -> None:
    """Draw a skirt hanging from its waistband."""
    waist = 31.0
    hem_y = {"mini": 140.0, "midi": 186.0, "maxi": 232.0}[spec.variant("length", "midi")]
    draw_skirt(easel, spec.variant("cut", "a-line"), waist=waist, top=60, hem_y=hem_y, rng=rng)
    band = shape([(AXIS - waist, 46), (AXIS, 48.5, 1.0), (AXIS + waist, 46),
                  (AXIS + waist + 1.5, 61), (AXIS, 64, 1.0), (AXIS - waist - 1.5, 61)])  # fmt: skip
    easel.fabric(band, patterned=False, tone=0.06)
    easel.solid(box(AXIS + 16, 51.5, AXIS + 21, 56.5, 2.5), (240, 236, 226), contour=1.0)


def draw_skirt(
    easel: Easel, cut: str, *, waist: float, top: float, hem_y: float, rng: np.random.Generator
) -> None:
    """Draw the skirt part: its cut decides how it spreads and how it folds."""
    fall = hem_y - top
    hip = waist + (9.0 if cut in {"fitted", "pencil"} else 4.0 + fall * _SPREAD[cut] * 0.42)
    hem = waist + 7.0 + fall * _SPREAD[cut]
    hip_y = top + min(fall * 0.42, 46.0)
    sag = 2.5 if cut in {"fitted", "pencil"} else 3.0 + hem * 0.07
    right: list[Spot] = [(AXIS + waist, top), (AXIS + hip, hip_y, 0.9), (AXIS + hem, hem_y)]
    edge = _hem_edge(cut, hem, hem_y, sag)
    if cut == "flared":
        _underside(easel, hem, hem_y, sag)
    easel.fabric(shape([*right, *edge, *flipped(right)[::-1]]))
    _skirt_folds(easel, cut, waist, hem, (top, hem_y, sag), rng)


def _hem_edge(cut: str, hem: float, hem_y: float, sag: float) -> list[Spot]:
    """Return the hem from right to left: even, or waved where the cloth is full."""
    if cut != "flared":
        return [(AXIS, hem_y + sag, 1.0)]
    waves: list[Spot] = []
    for step in range(1, 12):
        share = 1.0 - step / 6.0
        dip = sag * (1.0 - share * share) + (4.0 if step % 2 else -2.0)
        waves.append((AXIS + hem * share, hem_y + dip, 1.0))
    return waves


def _underside(easel: Easel, hem: float, hem_y: float, sag: float) -> None:
    inside = shape([(AXIS - hem + 2, hem_y - 2), (AXIS, hem_y - 8, 1.0),
                    (AXIS + hem - 2, hem_y - 2), (AXIS, hem_y + sag, 1.0)])  # fmt: skip
    easel.fabric(inside, patterned=False, tone=0.4)


def _skirt_folds(
    easel: Easel,
    cut: str,
    waist: float,
    hem: float,
    heights: tuple[float, float, float],
    rng: np.random.Generator,
) -> None:
    top, hem_y, sag = heights
    if cut == "pleated":
        for step in range(-5, 6):
            share = step / 5.6
            low = (AXIS + share * hem, hem_y + sag * (1 - share * share))
            easel.seam(line((AXIS + share * waist, top + 2), low), alpha=0.75)
            easel.fold(low, (AXIS + share * waist + 2, top + 4), hem * 0.1)
        return
    if cut in {"fitted", "pencil"}:
        for side in (-1, 1):
            easel.fold((AXIS + side * (waist + 7), top + 42), (AXIS + side * 6, top + 50), 6.0)
        if cut == "pencil":
            easel.seam(line((AXIS + 12, hem_y - 26), (AXIS + 12, hem_y + 2)))
        return
    for share in (-0.78, -0.42, -0.08, 0.3, 0.66):
        spot = share + float(rng.uniform(-0.06, 0.06))
        low = (AXIS + spot * hem, hem_y + sag * (1 - spot * spot))
        easel.fold(low, (AXIS + spot * waist, top + 8), 6.0 + hem * 0.07)
