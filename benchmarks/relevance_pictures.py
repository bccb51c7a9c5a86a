"""Pictures that no catalogue of products has: drawn, seeded, of eighteen kinds."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 256
Colour = tuple[int, int, int]


def pictures(each: int = 8) -> list[tuple[str, Image.Image]]:
    """The name of its kind and the picture: `each` of every kind, the same every time."""
    return [
        (name, draw(Random(f"{name} {number}")))
        for name, draw in KINDS.items()
        for number in range(each)
    ]


def _uniform_noise(rng: Random) -> Image.Image:
    values = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (SIDE, SIDE, 3))
    return Image.fromarray(values.astype(np.uint8))


def _smooth_noise(rng: Random) -> Image.Image:
    coarse = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (9, 9, 3))
    small = Image.fromarray(coarse.astype(np.uint8))
    return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _one_colour(rng: Random) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), _colour(rng))


def _gradient(rng: Random) -> Image.Image:
    return _fade(_colour(rng), _colour(rng)).rotate(90 * rng.randrange(4))


def _page_of_text(rng: Random) -> Image.Image:
    image, pen = _canvas((255, 255, 255))
    for y in range(16, SIDE - 16, 12):
        pen.text((16, y), _words(rng, 34), fill=(30, 30, 30))
    return image


def _one_word(rng: Random) -> Image.Image:
    image, pen = _canvas((255, 255, 255))
    pen.text((128, 128), _words(rng, 6), fill=_colour(rng), font_size=56, anchor="mm")
    return image


def _screenshot(rng: Random) -> Image.Image:
    image, pen = _canvas((240, 240, 240))
    pen.rectangle((0, 0, SIDE, 22), fill=_colour(rng))
    pen.rectangle((0, 22, 64, SIDE), fill=(215, 220, 228))
    for y in range(34, SIDE, 18):
        pen.text((6, y), _words(rng, 8), fill=(60, 60, 60))
        pen.text((76, y), _words(rng, rng.randint(8, 26)), fill=(20, 20, 20))
    pen.rectangle((180, 220, 244, 244), fill=_colour(rng))
    return image


def _landscape(rng: Random) -> Image.Image:
    image = _fade((90, 140, rng.randint(200, 255)), (225, 235, 250))
    pen = ImageDraw.Draw(image)
    for layer in range(3):
        base, shade = 130 + 40 * layer, 150 - 45 * layer
        ridge = [(x, base + rng.randint(-28, 12)) for x in range(0, SIDE + 32, 32)]
        pen.polygon([(0, SIDE), *ridge, (SIDE, SIDE)], fill=(shade // 2, shade, shade // 3))
    return image.filter(ImageFilter.GaussianBlur(1))


def _sea(rng: Random) -> Image.Image:
    horizon = rng.randint(90, 160)
    image = _fade((250, rng.randint(120, 190), 80), (250, 220, 160))
    pen = ImageDraw.Draw(image)
    x = rng.randint(60, 196)
    pen.ellipse((x - 26, horizon - 40, x + 26, horizon + 12), fill=(255, 240, 190))
    pen.rectangle((0, horizon, SIDE, SIDE), fill=(20, 60, rng.randint(90, 150)))
    for _ in range(60):
        left, y = rng.randint(0, SIDE), rng.randint(horizon, SIDE)
        pen.line((left, y, left + rng.randint(6, 30), y), fill=(90, 130, 190))
    return image


def _bar_chart(rng: Random) -> Image.Image:
    image, pen = _canvas((255, 255, 255))
    pen.line((30, 20, 30, 226, 240, 226), fill=(0, 0, 0), width=2)
    colour = _colour(rng)
    for x in range(40, 230, 28):
        pen.rectangle((x, rng.randint(40, 210), x + 18, 225), fill=colour)
    return image


def _pie_chart(rng: Random) -> Image.Image:
    image, pen = _canvas((255, 255, 255))
    cuts = [0, *sorted(rng.sample(range(20, 340), 4)), 360]
    for start, end in pairwise(cuts):
        pen.pieslice((38, 38, 218, 218), start, end, fill=_colour(rng), outline=(255, 255, 255))
    return image


def _map(rng: Random) -> Image.Image:
    image, pen = _canvas((235, 230, 215))
    pen.polygon([(rng.randint(0, SIDE), rng.randint(0, SIDE)) for _ in range(5)], fill="#b5d29a")
    river = [(x, 128 + rng.randint(-60, 60)) for x in range(0, SIDE + 40, 40)]
    pen.line(river, fill=(120, 170, 220), width=10)
    for _ in range(14):
        ends = [rng.randint(0, SIDE) for _ in range(4)]
        pen.line(ends, fill=(255, 255, 255), width=rng.choice([3, 5, 7]))
    return image


def _house(rng: Random) -> Image.Image:
    image, pen = _canvas((190, 220, 250))
    pen.rectangle((0, 190, SIDE, SIDE), fill=(110, 170, 90))
    left, top = rng.randint(40, 80), rng.randint(100, 130)
    pen.rectangle((left, top, left + 130, 215), fill=_colour(rng))
    pen.polygon([(left - 14, top), (left + 65, top - 60), (left + 144, top)], fill=(150, 60, 50))
    pen.rectangle((left + 52, 160, left + 80, 215), fill=(90, 60, 40))
    for x in (left + 14, left + 92):
        pen.rectangle((x, top + 14, x + 26, top + 38), fill=(230, 240, 255), outline=(80, 80, 80))
    return image


def _car(rng: Random) -> Image.Image:
    image, pen = _canvas((255, 255, 255))
    colour = _colour(rng)
    y = rng.randint(110, 140)
    pen.rounded_rectangle((20, y, 236, y + 50), 16, fill=colour)
    pen.polygon([(66, y + 4), (96, y - 40), (172, y - 40), (202, y + 4)], fill=colour)
    pen.polygon([(80, y), (100, y - 30), (130, y - 30), (130, y)], fill=(200, 225, 245))
    for x in (70, 186):
        pen.ellipse((x - 24, y + 28, x + 24, y + 76), fill=(25, 25, 25))
        pen.ellipse((x - 10, y + 42, x + 10, y + 62), fill=(190, 190, 190))
    return image


def _fruit(rng: Random) -> Image.Image:
    image, pen = _canvas((255, 255, 255))
    size = rng.randint(60, 90)
    colour = rng.choice([(200, 30, 40), (240, 150, 20), (120, 180, 40), (230, 210, 60)])
    pen.ellipse((128 - size, 140 - size, 128 + size, 140 + size), fill=colour)
    pen.line((128, 140 - size, 136, 112 - size), fill=(90, 60, 30), width=6)
    pen.ellipse((136, 106 - size, 172, 124 - size), fill=(60, 140, 60))
    return image


def _face(rng: Random) -> Image.Image:
    image, pen = _canvas(_colour(rng))
    pen.ellipse((40, 40, 216, 216), fill=(250, rng.randint(190, 230), 90))
    for x in (96, 160):
        pen.ellipse((x - 12, 94, x + 12, 124), fill=(40, 30, 20))
    pen.arc((82, 100, 174, 186), 20, 160, fill=(120, 40, 30), width=8)
    return image


def _tree(rng: Random) -> Image.Image:
    image, pen = _canvas((255, 255, 255))

    def branch(x: float, y: float, angle: float, length: float) -> None:
        if length < 6:
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(40, rng.randint(110, 190), 50))
            return
        to = x + length * math.cos(angle), y - length * math.sin(angle)
        pen.line((x, y, *to), fill=(100, 70, 40), width=max(1, int(length / 8)))
        for turn in (-1, 1):
            branch(*to, angle + turn * rng.uniform(0.25, 0.6), length * rng.uniform(0.6, 0.8))

    branch(128, 246, math.pi / 2, 62)
    return image


def _code_of_squares(rng: Random) -> Image.Image:
    bits = np.random.default_rng(rng.getrandbits(32)).integers(0, 2, (25, 25)) * 255
    small = Image.fromarray(bits.astype(np.uint8)).convert("RGB")
    return small.resize((SIDE, SIDE), Image.Resampling.NEAREST)


KINDS: Mapping[str, Callable[[Random], Image.Image]] = {
    "uniform noise": _uniform_noise,
    "smooth noise": _smooth_noise,
    "one colour": _one_colour,
    "gradient": _gradient,
    "page of text": _page_of_text,
    "one word": _one_word,
    "screenshot": _screenshot,
    "landscape": _landscape,
    "sea": _sea,
    "bar chart": _bar_chart,
    "pie chart": _pie_chart,
    "map": _map,
    "house": _house,
    "car": _car,
    "fruit": _fruit,
    "face": _face,
    "tree": _tree,
    "code of squares": _code_of_squares,
}
"""How each kind is drawn."""


def _canvas(colour: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (SIDE, SIDE), colour)
    return image, ImageDraw.Draw(image)


def _fade(top: Colour, bottom: Colour) -> Image.Image:
    share = np.linspace(0, 1, SIDE)[:, None, None]
    column = np.array(top) * (1 - share) + np.array(bottom) * share
    return Image.fromarray(np.repeat(column, SIDE, axis=1).astype(np.uint8))


def _colour(rng: Random) -> Colour:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def _words(rng: Random, length: int) -> str:
    letters = "etaoinshrdlucmfwygpb    "
    return "".join(rng.choice(letters) for _ in range(length))
