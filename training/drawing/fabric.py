"""Cloth: the repeating motif of each pattern and the weave under it, as skia shaders."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import skia

from training.drawing.geometry import Path, circle, shape
from training.drawing.palette import Rgb, darker, lighter, luminance, mix

Shader = Any
Canvas = Any


@dataclass(frozen=True)
class Cloth:
    """The paint of one product: ground, motif and contour colours, pattern and weave."""

    base: Rgb
    second: Rgb
    line: Rgb
    pattern: str
    weave: str
    zoom: float = 1.0

    @property
    def dark(self) -> bool:
        """Whether shadows would drown on this ground, so that light must model it."""
        return luminance(self.base) < 0.24


def ink(rgb: Rgb, alpha: float = 1.0) -> int:
    """Return a skia colour from paint and opacity."""
    return int(skia.Color(*rgb, round(alpha * 255)))


def fill(rgb: Rgb, alpha: float = 1.0) -> Any:
    """Return a filling paint."""
    return skia.Paint(Color=ink(rgb, alpha), AntiAlias=True)


def stroke(rgb: Rgb, width: float, alpha: float = 1.0) -> Any:
    """Return a stroking paint with round ends."""
    return skia.Paint(
        Color=ink(rgb, alpha),
        AntiAlias=True,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )


def motif(cloth: Cloth, *, angle: float, offset: tuple[float, float]) -> Shader | None:
    """Return the pattern as a repeating shader laid at an angle, or None for plain cloth."""
    draw_tile = _TILES.get(cloth.pattern)
    if draw_tile is None:
        return None
    recorder = skia.PictureRecorder()
    across, down = _TILE_SIZES[cloth.pattern]
    tile = skia.Rect.MakeWH(across, down)
    draw_tile(recorder.beginRecording(tile), cloth)
    picture = recorder.finishRecordingAsPicture()
    matrix = skia.Matrix.Translate(*offset)
    matrix.preRotate(angle)
    matrix.preScale(cloth.zoom, cloth.zoom)
    repeat = skia.TileMode.kRepeat
    return picture.makeShader(repeat, repeat, skia.FilterMode.kLinear, matrix, tile)


def _striped(canvas: Canvas, cloth: Cloth) -> None:
    canvas.drawRect(skia.Rect.MakeXYWH(0, 4, 20, 6.2), fill(cloth.second))


def _checked(canvas: Canvas, cloth: Cloth) -> None:
    half = fill(cloth.second, 0.6)
    canvas.drawRect(skia.Rect.MakeXYWH(0, 3, 28, 7), half)
    canvas.drawRect(skia.Rect.MakeXYWH(3, 0, 7, 28), half)
    thin = fill(mix(cloth.second, darker(cloth.base, 0.5), 0.35), 0.6)
    canvas.drawRect(skia.Rect.MakeXYWH(0, 19.5, 28, 1.8), thin)
    canvas.drawRect(skia.Rect.MakeXYWH(19.5, 0, 1.8, 28), thin)


def _dotted(canvas: Canvas, cloth: Cloth) -> None:
    paint = fill(cloth.second)
    for x, y in ((5.5, 5.5), (16.5, 16.5)):
        canvas.drawPath(circle(x, y, 4.1), paint)


def _zigzag(canvas: Canvas, cloth: Cloth) -> None:
    path = skia.Path()
    path.moveTo(-9, 15.5)
    for step in range(4):
        path.lineTo(step * 18.0, 4.5)
        path.lineTo(step * 18.0 + 9.0, 15.5)
    paint = stroke(cloth.second, 4.0)
    paint.setStrokeJoin(skia.Paint.kMiter_Join)
    for shift in (-18, 0, 18):
        canvas.save()
        canvas.translate(0, shift)
        canvas.drawPath(path, paint)
        canvas.restore()


def _scattered(
    canvas: Canvas, size: float, spots: tuple[tuple[float, ...], ...], draw: Callable[[int], None]
) -> None:
    """Draw each spot (x, y, turn, scale) and again across the tile's edges."""
    for number, (x, y, turn, scale) in enumerate(spots):
        for across in (-size, 0.0, size):
            for down in (-size, 0.0, size):
                if not (-14 < x + across < size + 14 and -14 < y + down < size + 14):
                    continue
                canvas.save()
                canvas.translate(x + across, y + down)
                canvas.rotate(turn)
                canvas.scale(scale, scale)
                draw(number)
                canvas.restore()


_FLOWERS = ((12.0, 13.0, 10.0, 1.1), (37.0, 38.0, 40.0, 1.1), (38.0, 10.0, 0.0, 0.6),
            (11.0, 39.0, 25.0, 0.6))  # fmt: skip
_LEAVES = ((11.0, 12.0, 35.0, 1.0), (34.0, 8.0, -50.0, 0.9), (14.0, 34.0, -35.0, 0.95),
           (36.0, 34.0, 50.0, 1.0))  # fmt: skip


@functools.cache
def _petals() -> Path:
    path = skia.Path()
    for step in range(5):
        turn = math.radians(step * 72.0 - 90.0)
        path.addCircle(math.cos(turn) * 5.2, math.sin(turn) * 5.2, 4.4)
    return path


@functools.cache
def _blade() -> Path:
    return shape([(0, -11), (5.4, -1, 1.0), (0, 9.5), (-5.4, -1, 1.0)])


@functools.cache
def _leaflet() -> Path:
    return shape([(6, 0), (11, -4.2, 1.0), (15.5, -2.5), (11.5, 1.5, 1.0)])


def _floral(canvas: Canvas, cloth: Cloth) -> None:
    petals = fill(cloth.second)
    heart = _heart(cloth)
    green = fill(_greenery(cloth))

    def flower(number: int) -> None:
        if number < 2:
            for turn in (30, 190):
                canvas.save()
                canvas.rotate(turn)
                canvas.drawPath(_leaflet(), green)
                canvas.restore()
        canvas.drawPath(_petals(), petals)
        canvas.drawPath(circle(0, 0, 3.1), fill(heart))

    _scattered(canvas, 50.0, _FLOWERS, flower)


def _heart(cloth: Cloth) -> Rgb:
    gold = (250, 196, 60)
    near = math.dist(gold, cloth.second) < 110 or math.dist(gold, cloth.base) < 90
    return (150, 70, 40) if near else gold


def _greenery(cloth: Cloth) -> Rgb:
    if math.dist(cloth.base, (48, 142, 80)) < 80:
        return darker(cloth.base, 0.45)
    return (70, 140, 84) if luminance(cloth.base) > 0.3 else (112, 176, 120)


def _leafy(canvas: Canvas, cloth: Cloth) -> None:
    blade = fill(cloth.second)
    rib = stroke(mix(cloth.second, cloth.base, 0.75), 1.1)

    def leaf(_: int) -> None:
        canvas.drawPath(_blade(), blade)
        canvas.drawLine(0, -7, 0, 13, rib)
        for height in (-3.0, 1.5):
            canvas.drawLine(0, height + 3, 3.4, height, rib)
            canvas.drawLine(0, height + 3, -3.4, height, rib)

    _scattered(canvas, 46.0, _LEAVES, leaf)


_TILES: Mapping[str, Callable[[Canvas, Cloth], None]] = {
    "striped": _striped,
    "checked": _checked,
    "polka dot": _dotted,
    "zigzag": _zigzag,
    "floral": _floral,
    "leaf": _leafy,
}
_TILE_SIZES: Mapping[str, tuple[float, float]] = {
    "striped": (20.0, 17.0),
    "checked": (28.0, 28.0),
    "polka dot": (22.0, 22.0),
    "zigzag": (18.0, 18.0),
    "floral": (50.0, 50.0),
    "leaf": (46.0, 46.0),
}


@functools.cache
def weave(name: str) -> Shader | None:
    """Return the texture of a material as a faint repeating shader (None for smooth ones)."""
    relief = _RELIEFS.get(name)
    if relief is None:
        return None
    light = relief()
    pixels = np.zeros((*light.shape, 4), np.uint8)
    pixels[..., :3] = np.where(light[..., None] > 0, 255, 0)
    pixels[..., 3] = np.clip(np.abs(light) * 255, 0, 255).astype(np.uint8)
    image = skia.Image.fromarray(pixels)
    repeat = skia.TileMode.kRepeat
    linear = skia.SamplingOptions(skia.FilterMode.kLinear)
    return image.makeShader(repeat, repeat, linear, skia.Matrix.Scale(0.5, 0.5))


def _cotton() -> Any:
    return np.random.default_rng(11).normal(0.0, 0.026, (128, 128))


def _twill() -> Any:
    rows, columns = np.mgrid[0:96, 0:96]
    lines = np.sin((rows + columns) * (2 * math.pi / 6.0)) * 0.075
    return lines + np.random.default_rng(12).normal(0.0, 0.045, (96, 96))


def _knit() -> Any:
    rows, columns = np.mgrid[0:96, 0:96]
    slant = np.abs((columns % 12) - 5.5)
    stitches = np.sin((rows - slant) * (2 * math.pi / 8.0)) * 0.085
    return stitches - np.where(slant > 4.6, 0.1, 0.0)


def _ribs() -> Any:
    columns = np.mgrid[0:96, 0:96][1]
    return np.sin(columns * (2 * math.pi / 8.0)) * 0.12


def _straw() -> Any:
    rows, columns = np.mgrid[0:96, 0:96]
    over = ((rows // 6) + (columns // 12)) % 2
    return np.where(over == 0, 0.07, -0.06) + np.where(rows % 6 == 0, -0.08, 0.0)


_RELIEFS: Mapping[str, Callable[[], Any]] = {
    "cotton": _cotton,
    "denim": _twill,
    "knit": _knit,
    "rib": _ribs,
    "straw": _straw,
}


def gradient(
    start: tuple[float, float], end: tuple[float, float], *stops: tuple[Rgb, float]
) -> Shader:
    """Return a linear gradient through evenly spaced (paint, opacity) stops."""
    points = [skia.Point(*start), skia.Point(*end)]
    return skia.GradientShader.MakeLinear(points, [ink(rgb, alpha) for rgb, alpha in stops])


def glow(centre: tuple[float, float], radius: float, *stops: tuple[Rgb, float]) -> Shader:
    """Return a radial gradient through evenly spaced (paint, opacity) stops."""
    colours = [ink(rgb, alpha) for rgb, alpha in stops]
    return skia.GradientShader.MakeRadial(skia.Point(*centre), radius, colours)


def metal(rgb: Rgb, left: float, right: float) -> Shader:
    """Return a polished band of light from left to right."""
    stops = [(darker(rgb, 0.25), 1.0), (lighter(rgb, 0.55), 1.0), (rgb, 1.0),
             (lighter(rgb, 0.25), 1.0), (darker(rgb, 0.32), 1.0)]  # fmt: skip
    return gradient((left, 0.0), (right, 0.0), *stops)
