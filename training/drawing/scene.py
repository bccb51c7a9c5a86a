"""One photo of a product: the product posed on a background with its shadow."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import skia
from PIL import Image

from training.drawing import accessories, bags, bottoms, dresses, fabric, outerwear, shoes, tops
from training.drawing.easel import Easel
from training.drawing.fabric import Cloth
from training.drawing.palette import (
    Rgb,
    darker,
    lighter,
    line_for,
    luminance,
    shaded,
    toned,
)
from training.drawing.spec import ProductSpec

Draughtsman = Callable[[Easel, ProductSpec, np.random.Generator], None]

_DRAUGHTSMEN: Mapping[str, Draughtsman] = MappingProxyType(
    {
        "dress": dresses.dress,
        "t-shirt": tops.t_shirt,
        "shirt": tops.shirt,
        "blouse": tops.blouse,
        "sweater": tops.sweater,
        "skirt": dresses.skirt,
        "trousers": bottoms.trousers,
        "jeans": bottoms.jeans,
        "shorts": bottoms.shorts,
        "jacket": outerwear.jacket,
        "coat": outerwear.coat,
        "sneakers": shoes.sneakers,
        "boots": shoes.boots,
        "heels": shoes.heels,
        "handbag": bags.handbag,
        "backpack": bags.backpack,
        "hat": accessories.hat,
        "cap": accessories.cap,
        "scarf": accessories.scarf,
        "watch": accessories.watch,
        "sunglasses": accessories.sunglasses,
    }
)
_WEAVES: Mapping[str, str] = MappingProxyType(
    {
        "jeans": "denim",
        "sweater": "knit",
        "scarf": "knit",
        "sneakers": "smooth",
        "boots": "smooth",
        "heels": "smooth",
        "handbag": "smooth",
        "watch": "smooth",
        "sunglasses": "smooth",
    }
)
_ZOOMS: Mapping[str, float] = MappingProxyType(
    {"sneakers": 0.75, "boots": 0.8, "heels": 0.62, "cap": 0.85, "hat": 0.85, "watch": 0.5}
)
_SIDEWAYS = frozenset({"sneakers", "boots", "heels", "cap"})
_PAIRS = frozenset({"sneakers", "boots", "heels"})

_TINTS: tuple[Rgb, ...] = (
    (255, 255, 255), (252, 251, 249), (248, 248, 249), (240, 241, 244), (248, 243, 236),
    (240, 245, 250), (249, 241, 241), (240, 246, 239), (244, 241, 250), (255, 247, 230),
)  # fmt: skip
_WALLS: tuple[Rgb, ...] = (
    (226, 216, 203), (199, 214, 227), (238, 209, 200), (203, 219, 199), (217, 209, 232),
    (245, 228, 190), (205, 208, 213), (193, 219, 218),
)  # fmt: skip


def photograph(spec: ProductSpec, *, seed: int, size: int = 256) -> Image.Image:
    """Draw one photo of the product; the seed decides pose, shade and background."""
    rng = np.random.default_rng([seed, 20240229])
    cloth = _cloth(spec, rng)
    product, bounds = _recorded(spec, cloth, rng)
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.scale(size / 256.0, size / 256.0)
    _background(canvas, cloth, rng)
    posed = _posed(size, spec, product, bounds, rng)
    _cast_shadow(canvas, posed, rng)
    canvas.resetMatrix()
    canvas.drawImage(posed, 0, 0)
    pixels = surface.toarray(colorType=skia.kRGBA_8888_ColorType)
    return Image.fromarray(np.ascontiguousarray(pixels[..., :3]))


def _cloth(spec: ProductSpec, rng: np.random.Generator) -> Cloth:
    base = shaded(spec.colour, rng)
    second = toned(base) if spec.second_colour is None else shaded(spec.second_colour, rng)
    weave = _WEAVES.get(spec.kind, "cotton")
    zoom = _ZOOMS.get(spec.kind, 1.0) * float(rng.uniform(0.92, 1.12))
    return Cloth(base, second, line_for(base), spec.pattern, weave, zoom)


def _recorded(spec: ProductSpec, cloth: Cloth, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw the product (shoes as a pair or alone) and return the picture and its bounds."""
    recorder = skia.PictureRecorder()
    canvas = recorder.beginRecording(skia.Rect.MakeLTRB(-256, -256, 512, 512))
    offset = (float(rng.uniform(0, 40)), float(rng.uniform(0, 40)))
    easel = Easel(canvas, cloth, offset)
    draughtsman = _DRAUGHTSMEN[spec.kind]
    if spec.kind in _PAIRS and float(rng.random()) < 0.7:
        state = rng.bit_generator.state
        with easel.moved(30, -26, scale=0.97):
            draughtsman(easel, spec, rng)
        rng.bit_generator.state = state
    draughtsman(easel, spec, rng)
    return recorder.finishRecordingAsPicture(), easel.bounds


def _posed(
    size: int, spec: ProductSpec, product: Any, bounds: Any, rng: np.random.Generator
) -> Any:
    """Fit the product into the frame, turned a little, on a clear ground."""
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.scale(size / 256.0, size / 256.0)
    room = float(rng.uniform(192, 220))
    scale = min(room / bounds.height(), room / bounds.width(), 1.5)
    canvas.translate(128 + float(rng.uniform(-6, 6)), 126 + float(rng.uniform(-5, 5)))
    canvas.rotate(float(rng.uniform(-5, 5)))
    mirrored = spec.kind in _SIDEWAYS and float(rng.random()) < 0.5
    canvas.scale(-scale if mirrored else scale, scale)
    canvas.translate(-bounds.centerX(), -bounds.centerY())
    canvas.drawPicture(product)
    return surface.makeImageSnapshot()


def _cast_shadow(canvas: Any, posed: Any, rng: np.random.Generator) -> None:
    """Draw the product's soft shadow, blurred at a quarter of the size, which is far quicker."""
    small = posed.width() // 4
    surface = skia.Surface(small, small)
    dark = skia.Color(30, 26, 38, round(float(rng.uniform(70, 105))))
    blur = float(rng.uniform(0.7, 1.5)) * small / 64.0
    paint = skia.Paint(
        ColorFilter=skia.ColorFilters.Blend(dark, skia.BlendMode.kSrcIn),
        ImageFilter=skia.ImageFilters.Blur(blur, blur),
    )
    linear = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
    whole = skia.Rect.MakeWH(small, small)
    surface.getCanvas().drawImageRect(posed, whole, linear, paint)
    across, down = float(rng.uniform(1.0, 4.0)), float(rng.uniform(3.0, 6.0))
    frame = skia.Rect.MakeXYWH(across, down, 256.0, 256.0)
    canvas.drawImageRect(surface.makeImageSnapshot(), frame, linear, skia.Paint())


def _background(canvas: Any, cloth: Cloth, rng: np.random.Generator) -> None:
    lot = float(rng.random())
    pale = luminance(cloth.base) > 0.9
    if lot < 0.74:
        tint = _TINTS[int(rng.integers(3 if pale else 0, len(_TINTS)))]
        _tinted(canvas, tint, graded=lot < 0.4)
        return
    walls = [wall for wall in _WALLS if _apart(wall, cloth.base) > 48] or list(_WALLS)
    wall = walls[int(rng.integers(len(walls)))]
    _tinted(canvas, wall, graded=True)
    if lot > 0.88:
        _floor(canvas, wall, float(rng.uniform(178, 204)))


def _apart(one: Rgb, other: Rgb) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)


def _tinted(canvas: Any, tint: Rgb, *, graded: bool) -> None:
    canvas.drawPaint(skia.Paint(Color=fabric.ink(tint)))
    if graded:
        stops = ((lighter(tint, 0.6), 1.0), (tint, 1.0), (darker(tint, 0.07), 1.0))
        canvas.drawPaint(skia.Paint(Shader=fabric.glow((112, 100), 220, *stops)))


def _floor(canvas: Any, wall: Rgb, height: float) -> None:
    shade = fabric.gradient((0, height), (0, 256), (darker(wall, 0.13), 1.0), (wall, 1.0))
    canvas.drawRect(skia.Rect.MakeLTRB(0, height, 256, 256), skia.Paint(Shader=shade))
