"""Varying images on the device, a batch at a time; every choice comes from the step's seed."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from training.config import AugmentConfig


class Augmenter:
    """Turns a uint8 batch into floats of the model's size, varied."""

    def __init__(self, config: AugmentConfig, mean: float, std: float) -> None:
        self._config = config
        self._mean, self._std = mean, std

    def __call__(
        self, images: Tensor, background: Tensor, size: int, rng: torch.Generator
    ) -> Tensor:
        """Augment.

        images: (n, cache, cache, 3) uint8; background: (n, half, half) bool.
        Returns (n, 3, size, size) float32, normalised.
        """
        pixels = images.permute(0, 3, 1, 2).float().div_(255)
        count = len(pixels)
        cut = (torch.rand(count, generator=rng) < self._config.cutout).to(pixels.device)
        cut = cut & background.flatten(1).any(1)
        grid = _grids(self._config, cut, size, rng).to(pixels.device)
        varied = 1 - F.grid_sample(1 - pixels, grid, padding_mode="zeros", align_corners=False)
        varied = self._light(varied, rng)
        chosen = cut.nonzero().squeeze(1)
        if len(chosen):
            front = 1 - background[chosen].unsqueeze(1).float()
            alpha = F.grid_sample(front, grid[chosen], padding_mode="zeros", align_corners=False)
            alpha = ((alpha - 0.35) / 0.45).clamp_(0, 1)
            ground = backgrounds(len(chosen), size, rng).to(pixels.device)
            pasted = varied[chosen] * alpha + ground * (1 - alpha)
            varied[chosen] = (pasted * self._cast(len(chosen), rng).to(pixels)).clamp_(0, 1)
        varied = self._bars(varied, rng)
        strength = self._config.noise * torch.rand(count, 1, 1, 1, generator=rng)
        noise = torch.randn(varied.shape, generator=rng).mul_(strength).to(pixels.device)
        varied = varied.add_(noise).clamp_(0, 1)
        return varied.sub_(self._mean).div_(self._std)

    def _light(self, pixels: Tensor, rng: torch.Generator) -> Tensor:
        """Vary brightness and contrast; the hue stays."""
        count = len(pixels)
        gain = 1 + self._config.contrast * _between(rng, count)
        shift = self._config.brightness * _between(rng, count) * 0.5
        gain, shift = gain.view(-1, 1, 1, 1), shift.view(-1, 1, 1, 1)
        return (pixels - 0.5).mul_(gain.to(pixels)).add_(0.5 + shift.to(pixels)).clamp_(0, 1)

    def _cast(self, count: int, rng: torch.Generator) -> Tensor:
        """Make the light of a room, a little warm or cold, bright or dim: (count, 3, 1, 1)."""
        warmth = _between(rng, count) * self._config.cast
        level = 1 + _between(rng, count) * 2 * self._config.cast
        light = torch.stack([level + warmth, level, level - warmth], dim=1)
        return light.view(count, 3, 1, 1)

    def _bars(self, pixels: Tensor, rng: torch.Generator) -> Tensor:
        """Lay white bars along two sides, as around an image that is not square."""
        count, size = len(pixels), pixels.shape[-1]
        width = torch.rand(count, generator=rng) * 0.17 * size
        width = width * (torch.rand(count, generator=rng) < self._config.bars)
        upright = torch.rand(count, generator=rng) < 0.7
        place = torch.arange(size).view(1, -1)
        inside = (place >= width.view(-1, 1)) & (place < size - width.view(-1, 1))
        columns = (inside | ~upright.view(-1, 1)).view(count, 1, 1, size)
        lines = (inside | upright.view(-1, 1)).view(count, 1, size, 1)
        keep = (columns & lines).to(pixels)
        return pixels * keep + (1 - keep)


def backgrounds(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Make grounds to paste products on: (count, 3, size, size) float32 from 0 to 1.

    A colour each, with cloudy noise at three scales, of random strength: from a plain wall to
    a messy bed.
    """
    ground = _muted(torch.rand(count, 3, 1, 1, generator=rng), rng)
    ground = ground.expand(-1, -1, size, size).clone()
    for cells in (2, 5, 12):
        strength = torch.rand(count, 1, 1, 1, generator=rng).square()
        cloud = _muted(torch.rand(count, 3, cells, cells, generator=rng) - 0.5, rng)
        mode = "nearest" if float(torch.rand((), generator=rng)) < 0.15 else "bilinear"
        ground = ground + strength * F.interpolate(cloud, size=(size, size), mode=mode)
    return (ground + _stripes(count, size, rng)).clamp_(0, 1)


def _muted(colours: Tensor, rng: torch.Generator) -> Tensor:
    """Take most of the saturation from most: (count, 3, height, width), as given."""
    share = torch.rand(len(colours), 1, 1, 1, generator=rng).square()
    return colours * share + colours.mean(1, keepdim=True) * (1 - share)


def _stripes(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Make the lines of boards, tiles or cloth, on a third: (count, 1, size, size) float32."""
    turn = torch.rand(count, 1, 1, generator=rng) * math.pi
    often = 2 + 14 * torch.rand(count, 1, 1, generator=rng)
    place = torch.linspace(0, 2 * math.pi, size)
    across = torch.cos(turn) * place.view(1, 1, -1) + torch.sin(turn) * place.view(1, -1, 1)
    strength = 0.3 * torch.rand(count, 1, 1, generator=rng)
    strength = strength * (torch.rand(count, 1, 1, generator=rng) < 0.33)
    return (strength * torch.sin(across * often)).unsqueeze(1)


def _grids(config: AugmentConfig, cut: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Return sampling grids (n, size, size, 2): crop, shift, stretch, turn, mirror.

    Products that are cut out also shrink and turn further, to lie somewhere in their new ground.
    """
    count = len(cut)
    freedom = 1 + 2 * cut.cpu()
    scale = torch.rand(count, generator=rng) * (1.1 - config.smallest_crop) + config.smallest_crop
    shrink = 1 + 0.5 * torch.rand(count, generator=rng) * cut.cpu()
    scale = scale * shrink
    stretch = torch.exp(_between(rng, count) * 0.12)
    angle = _between(rng, count) * math.radians(config.rotate) * freedom
    mirror = torch.where(torch.rand(count, generator=rng) < 0.5, -1.0, 1.0)
    room = (1 - scale).abs() + 0.04
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = torch.stack(
        [
            torch.stack(
                [cos * scale * stretch * mirror, -sin * scale, _between(rng, count) * room]
            ),
            torch.stack([sin * scale * mirror, cos * scale / stretch, _between(rng, count) * room]),
        ]
    )
    return F.affine_grid(rows.permute(2, 0, 1), [count, 1, size, size], align_corners=False)


def _between(rng: torch.Generator, count: int) -> Tensor:
    """Return (count,) float32 from -1 to 1."""
    return torch.rand(count, generator=rng) * 2 - 1
