"""The easel: cloth, seams, folds and fittings put on one canvas in one house style."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import skia

from training.drawing import fabric
from training.drawing.fabric import Cloth
from training.drawing.geometry import Path, Spot, wedge
from training.drawing.palette import Rgb, darker, lighter, line_for, luminance

BLACK: Rgb = (20, 16, 24)
WHITE: Rgb = (255, 255, 255)
CONTOUR = 1.5


class Easel:
    """Draws parts of one product in a 256-unit square and remembers what they cover."""

    def __init__(self, canvas: Any, cloth: Cloth, offset: tuple[float, float] = (0.0, 0.0)) -> None:
        """Take the canvas to draw on, the product's cloth and where its pattern starts."""
        self.canvas = canvas
        self.cloth = cloth
        self.offset = offset
        self.bounds = skia.Rect.MakeEmpty()

    def fabric(
        self,
        path: Path,
        *,
        angle: float = 0.0,
        tone: float = 0.0,
        patterned: bool = True,
        weave: str | None = None,
        contour: float = CONTOUR,
    ) -> None:
        """Cut a part from the cloth; `tone` darkens it (below 0 lightens it)."""
        self._cover(path)
        self.canvas.drawPath(path, fabric.fill(self.cloth.base))
        if patterned:
            self._lay(path, fabric.motif(self.cloth, angle=angle, offset=self.offset))
        self._lay(path, fabric.weave(self.cloth.weave if weave is None else weave))
        self._light(path)
        if tone:
            paint = BLACK if tone > 0 else WHITE
            self.canvas.drawPath(path, fabric.fill(paint, abs(tone)))
        if contour:
            self.canvas.drawPath(path, fabric.stroke(self.cloth.line, contour))

    def solid(self, path: Path, rgb: Rgb, *, contour: float = CONTOUR, lit: bool = True) -> None:
        """Cut a part from something else than the cloth: rubber, leather, lining."""
        self._cover(path)
        self.canvas.drawPath(path, fabric.fill(rgb))
        if lit:
            self._light(path)
        if contour:
            self.canvas.drawPath(path, fabric.stroke(line_for(rgb), contour))

    def metal(self, path: Path, rgb: Rgb, *, contour: float = 1.0) -> None:
        """Draw a polished metal part."""
        self._cover(path)
        extent = path.getBounds()
        self._lay(path, fabric.metal(rgb, extent.left(), extent.right()))
        if contour:
            self.canvas.drawPath(path, fabric.stroke(darker(rgb, 0.45), contour))

    def rod(self, path: Path, rgb: Rgb, width: float) -> None:
        """Draw a cord, strap edge, chain or rim along a path, with its own contour."""
        self._cover(path, width / 2)
        self.canvas.drawPath(path, fabric.stroke(line_for(rgb), width + 2.0))
        self.canvas.drawPath(path, fabric.stroke(rgb, width))
        shine = WHITE if luminance(rgb) < 0.9 else lighter(rgb, 0.5)
        self.canvas.drawPath(path, fabric.stroke(shine, width * 0.25, 0.3))

    def seam(self, path: Path, *, width: float = 1.3, alpha: float = 0.85) -> None:
        """Draw a seam."""
        self.canvas.drawPath(path, fabric.stroke(self.cloth.line, width, alpha))

    def stitch(self, path: Path, rgb: Rgb | None = None, *, width: float = 1.1) -> None:
        """Draw a row of stitches."""
        paint = fabric.stroke(rgb or self.cloth.line, width, 0.9)
        paint.setPathEffect(skia.DashPathEffect.Make([3.0, 2.4], 0.0))
        self.canvas.drawPath(path, paint)

    def fold(self, start: Spot, end: Spot, width: float = 7.0, bend: float = 0.0) -> None:
        """Draw a soft fold, broad at `start` and running out at `end`."""
        path = wedge(start, end, width, bend)
        if self.cloth.dark:
            self.canvas.drawPath(path, fabric.fill(WHITE, 0.11))
        else:
            self.canvas.drawPath(path, fabric.fill(BLACK, 0.13))

    def shadow(self, path: Path, alpha: float = 0.2) -> None:
        """Darken an area: an inside, an underside."""
        self.canvas.drawPath(path, fabric.fill(BLACK, alpha))

    def shine(self, path: Path, alpha: float = 0.25) -> None:
        """Lighten an area: a reflection on leather or glass."""
        self.canvas.drawPath(path, fabric.fill(WHITE, alpha))

    def paint(self, path: Path, shader: Any) -> None:
        """Fill an area with a shader."""
        self._cover(path)
        self._lay(path, shader)

    @contextmanager
    def within(self, path: Path) -> Iterator[None]:
        """Keep everything drawn inside an area."""
        self.canvas.save()
        self.canvas.clipPath(path, True)
        yield
        self.canvas.restore()

    @contextmanager
    def moved(self, across: float, down: float, *, scale: float = 1.0, turn: float = 0.0
              ) -> Iterator[None]:  # fmt: skip
        """Draw the same thing elsewhere, smaller or turned about the middle."""
        self.canvas.save()
        self.canvas.translate(across + 128.0, down + 128.0)
        self.canvas.rotate(turn)
        self.canvas.scale(scale, scale)
        self.canvas.translate(-128.0, -128.0)
        yield
        self.canvas.restore()

    def _light(self, path: Path) -> None:
        """Model a part with light from the upper left."""
        extent = path.getBounds()
        start = (extent.left(), extent.top())
        end = (extent.right(), extent.top() + extent.height() * 0.7)
        high, low = (0.15, 0.20) if self.cloth.dark else (0.16, 0.14)
        stops = ((WHITE, high), (WHITE, 0.0), (BLACK, 0.0), (BLACK, low))
        self._lay(path, fabric.gradient(start, end, *stops))

    def _lay(self, path: Path, shader: Any) -> None:
        if shader is not None:
            self.canvas.drawPath(path, skia.Paint(Shader=shader, AntiAlias=True))

    def _cover(self, path: Path, margin: float = 0.0) -> None:
        extent = path.computeTightBounds().makeOutset(margin, margin)
        self.bounds.join(self.canvas.getTotalMatrix().mapRect(extent))
