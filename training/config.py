"""The recipe of a model: what `mini.toml` may say."""

import math
import tomllib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Section):
    """Where products come from and how much of a batch each source gets."""

    catalog: Path = Path("../shared/catalog")
    drawn: int = Field(default=10_000, ge=0)
    drawn_share: float = Field(default=0.3, ge=0, le=1)
    validation: int = Field(default=500, ge=0)
    cache_size: int = Field(default=144, ge=16)


class ModelConfig(_Section):
    """Shape of the two towers; the image tower is any timm model, never pretrained."""

    image_tower: str = "resnet10t"
    image_size: int = 112
    image_pool: str = "avg"
    drop_path: float | None = None
    dim: int = 256
    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 6
    context_length: int = 32
    vocabulary: int = 4096


class Stage(_Section):
    """A run of steps at one image size."""

    steps: int = Field(ge=1)
    size: int = Field(ge=16)


class OptimiserConfig(_Section):
    """AdamW, and the average of the weights (EMA) that is measured and shipped."""

    batch: int = Field(default=256, ge=2)
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    ema: float = 0.999


class LossConfig(_Section):
    """Weights of the losses beside the contrastive one (weight 1)."""

    smoothing: float = 0.1
    claims: bool = True
    """Whether a text matches every image of the batch that fits what it says, or its own alone."""
    attributes: float = 0.3
    neighbours: float = 0.2
    type_alone: float = Field(default=0.25, ge=0, le=1)
    """How far an image of the same article type but another colour is a neighbour."""
    colour_alone: float = Field(default=0.083, ge=0, le=1)
    importance: dict[str, float] = Field(default_factory=dict)
    """Of the attributes among each other; 1 for those not named."""


class Phase(_Section):
    """One schedule of the learning rate (linear warm-up, cosine decay) under one set of losses.

    A phase starts from the averaged weights of the phase before it. The model is the mean of the
    averaged weights at the ends of the phases, by `share`.
    """

    rate: float = 1.5e-3
    warmup: int = 150
    stages: tuple[Stage, ...] = (Stage(steps=1000, size=96),)
    loss: LossConfig = LossConfig()
    share: float = Field(default=1.0, ge=0)

    @property
    def steps(self) -> int:
        """All steps of the phase."""
        return sum(stage.steps for stage in self.stages)

    def size_at(self, step: int) -> int:
        """Return the image size of a step of the phase."""
        for stage in self.stages:
            if step < stage.steps:
                return stage.size
            step -= stage.steps
        return self.stages[-1].size

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then a cosine to a hundredth."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        part = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2)


class AugmentConfig(_Section):
    """How images are varied; no hue change, since colour is what people search by."""

    smallest_crop: float = 0.7
    rotate: float = 8.0
    brightness: float = 0.15
    contrast: float = 0.15
    noise: float = 0.02
    cutout: float = 0.4
    cast: float = 0.08
    bars: float = 0.1


class Recipe(_Section):
    """Everything that decides the weights."""

    seed: int = 20_260
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    phases: tuple[Phase, ...] = Field(default=(Phase(),), min_length=1)
    augment: AugmentConfig = AugmentConfig()
    checkpoint_every: int = Field(default=200, ge=1)
    validate_every: int = Field(default=400, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        largest = max(stage.size for phase in self.phases for stage in phase.stages)
        if largest > self.data.cache_size:
            message = f"a stage of {largest} px needs data.cache_size >= {largest}"
            raise ValueError(message)
        if not any(phase.share for phase in self.phases):
            message = "phases: at least one needs a share above 0"
            raise ValueError(message)
        return self

    @property
    def steps(self) -> int:
        """All steps of the run."""
        return sum(phase.steps for phase in self.phases)

    def phase_at(self, step: int) -> tuple[int, int]:
        """Return the phase of a step of the run, and the step's number within it."""
        for number, phase in enumerate(self.phases):
            if step < phase.steps:
                return number, step
            step -= phase.steps
        raise IndexError(step)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file; unknown keys are errors."""
        return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
