"""The training loop: resumable, all phases known from the start, weights averaged (EMA)."""

import json
import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from tqdm import tqdm

from training import losses, metrics
from training import tokenizer as bpe
from training.augment import Augmenter
from training.batches import ATTRIBUTES, Batch, Sampler
from training.captions import CaptionWriter
from training.config import LossConfig, Recipe
from training.data import Corpus, catalog_rows, drawn_corpus, held_back, photo_corpus
from training.model import MEAN, STD, AttributeHeads, build, embed_images, embed_texts, export

log = logging.getLogger(__name__)

CHECKPOINT, HISTORY = "checkpoint.pt", "history.jsonl"


@dataclass(frozen=True, slots=True)
class Sources:
    """What a run learns from, and what it validates on."""

    photos: Corpus
    drawings: Corpus | None
    validation: Corpus

    @property
    def corpora(self) -> list[Corpus]:
        """The corpora to learn from."""
        return [self.photos] + ([self.drawings] if self.drawings is not None else [])


def load_sources(recipe: Recipe, cache: Path) -> Sources:
    """Read split `train` of the catalogue and the drawings; hold some photos back."""
    data = recipe.data
    rows, held = held_back(catalog_rows(data.catalog, "train"), data.validation, recipe.seed)
    drawings = None
    if data.drawn and data.drawn_share:
        drawings = drawn_corpus(data.drawn, data.cache_size, cache)
    return Sources(
        photos=photo_corpus(rows, data.cache_size, cache),
        drawings=drawings,
        validation=photo_corpus(held, recipe.model.image_size, cache),
    )


def caption_tokenizer(recipe: Recipe, sources: Sources) -> Tokenizer:
    """Learn the tokenizer on titles and on described captions of what is trained on."""
    return bpe.learn(_caption_texts(recipe, sources), recipe.model.vocabulary)


def _caption_texts(recipe: Recipe, sources: Sources) -> Iterable[str]:
    writer, rng = CaptionWriter(), np.random.default_rng(recipe.seed)
    for corpus in sources.corpora:
        for product in corpus.products:
            yield from product.alternatives or (product.title, product.title)
            for _ in range(2):
                yield writer.described(product, rng).text


class Trainer:
    """One run: model, optimiser, averaged weights, and the folder it can go on from."""

    def __init__(self, recipe: Recipe, sources: Sources, run: Path, device: torch.device) -> None:
        self.recipe, self.sources, self.run, self.device = recipe, sources, run, device
        optimiser = recipe.optimiser
        data = recipe.data
        shares = [1 - data.drawn_share, data.drawn_share] if sources.drawings else [1.0]
        self.sampler = Sampler(sources.corpora, shares, batch=optimiser.batch, seed=recipe.seed)
        torch.manual_seed(recipe.seed)
        self.tokenizer = self._kept_tokenizer()
        self.model = build(recipe.model, self.tokenizer.get_vocab_size())
        self.model.to(device=device, memory_format=torch.channels_last)
        counts = {name: len(self.sampler.attributes.values[name]) for name in ATTRIBUTES}
        self.heads = AttributeHeads(recipe.model.dim, counts)
        self.heads.to(device)
        self.optimiser = self._fresh_optimiser()
        self.averaged = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.ends: list[dict[str, Tensor]] = []  # the averaged weights at the end of each phase
        self.augment = Augmenter(recipe.augment, MEAN, STD)
        self.step, self.seconds = 0, 0.0

    def _kept_tokenizer(self) -> Tokenizer:
        """Learn the tokenizer once a run: captions may change under a run that goes on."""
        if not (self.run / "tokenizer.json").exists():
            learnt = caption_tokenizer(self.recipe, self.sources)
            learnt.save(str(self.run / "tokenizer.json"))
        return bpe.load(self.run)

    def _fresh_optimiser(self) -> torch.optim.AdamW:
        config = self.recipe.optimiser
        groups = _groups([self.model, self.heads], config.weight_decay)
        return torch.optim.AdamW(groups, lr=0.0, betas=config.betas, fused=True)

    def train(self, export_to: Path | None = None) -> None:
        """Run the steps that are left; validate, save and export along the way."""
        recipe, total = self.recipe, self.recipe.steps
        began = time.monotonic() - self.seconds
        progress = tqdm(total=total, initial=self.step, unit="step", smoothing=0.05)
        while self.step < total:
            found = self.one_step()
            self.step += 1
            self.seconds = time.monotonic() - began
            progress.update()
            progress.set_postfix(found, refresh=False)
            last = self.step == total
            phase_ends = last or recipe.phase_at(self.step)[1] == 0
            if phase_ends or self.step % recipe.validate_every == 0:
                self._record({**found, **self.validate()})
            if phase_ends:
                self._end_phase()
            if last or self.step % recipe.checkpoint_every == 0:
                self.save()
                if export_to is not None:
                    self.export(export_to)
        progress.close()

    def _end_phase(self) -> None:
        """Keep the averaged weights and go on from them; after the last phase, mix them all."""
        self.ends.append({name: value.clone() for name, value in self.averaged.items()})
        if self.step == self.recipe.steps:
            self.averaged = _mean(self.ends, [phase.share for phase in self.recipe.phases])
            self._record(self.validate())
        else:
            self.model.load_state_dict(self.averaged)
            self.optimiser = self._fresh_optimiser()

    def one_step(self) -> dict[str, float]:
        """Take the step numbered `self.step`; everything random in it comes from its number."""
        recipe = self.recipe
        number, step = recipe.phase_at(self.step)
        phase = recipe.phases[number]
        torch.manual_seed(recipe.seed + self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = phase.rate_at(step)
        self.model.train()
        batch = self.sampler.batch(self.step)
        contrastive, attributes, near = self._losses(batch, phase.loss, phase.size_at(step))
        loss = contrastive + phase.loss.attributes * attributes + phase.loss.neighbours * near
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, recipe.optimiser.clip)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(100))
            self._average(step)
        return {
            "contrastive": round(contrastive.item(), 4),
            "attributes": round(attributes.item(), 4),
            "neighbours": round(near.item(), 4),
        }

    def _losses(self, batch: Batch, config: LossConfig, size: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = torch.Generator().manual_seed(self.recipe.seed * 7 + self.step)
        images = torch.from_numpy(batch.images).to(self.device)
        grounds = torch.from_numpy(batch.grounds).to(self.device)
        pixels = self.augment(images, grounds, size, rng)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        context = self.recipe.model.context_length
        tokens = bpe.encode(self.tokenizer, batch.texts, context).to(self.device)
        labels = torch.from_numpy(batch.labels).to(self.device)
        matches = torch.from_numpy(batch.matches if config.claims else batch.own).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            seen, read = embed_images(self.model, pixels), embed_texts(self.model, tokens)
        scale, half = self.model.logit_scale.exp(), len(images)
        halves = [
            losses.contrastive(seen, read[part], matches[part], scale, smoothing=config.smoothing)
            for part in (slice(0, half), slice(half, None))
        ]
        near = losses.neighbours(
            seen, labels, type_alone=config.type_alone, colour_alone=config.colour_alone
        )
        return torch.stack(halves).mean(), self.heads.loss(seen, labels, config.importance), near

    def _average(self, step: int) -> None:
        """Move the averaged weights; the average is short while the phase is young."""
        decay = min(self.recipe.optimiser.ema, (1 + step) / (10 + step))
        for name, value in self.model.state_dict().items():
            kept = self.averaged[name]
            if kept.is_floating_point():
                kept.lerp_(value, 1 - decay)
            else:
                kept.copy_(value)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Figures of the averaged weights on the photos held back from training."""
        corpus = self.sources.validation
        if len(corpus) <= 10:
            return {}
        model = build(self.recipe.model, self.tokenizer.get_vocab_size()).to(self.device).eval()
        model.load_state_dict(self.averaged)
        images = np.concatenate([self._embed(model, part) for part in _chunks(corpus.images, 100)])
        pairs = [(p.colour, p.article_type) for p in corpus.products]
        wanted = metrics.common_pairs(pairs, 3)
        titles = self._read(model, [p.title for p in corpus.products])
        found = metrics.recall(titles, images)
        asked = [f"{colour} {kind}" for colour, kind in wanted]
        if asked:
            found |= metrics.pair_precision(self._read(model, asked), wanted, images, pairs)
        for name in ("article_type", "colour"):
            values = [getattr(p, name) for p in corpus.products]
            found[f"same_{name}"] = metrics.neighbour_shares(images, values)
        return found

    def _embed(self, model: nn.Module, images: Any) -> metrics.Floats:
        pixels = torch.from_numpy(np.array(images)).to(self.device)
        pixels = (pixels.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
        return np.asarray(embed_images(model, pixels).cpu().numpy())

    def _read(self, model: nn.Module, texts: list[str]) -> metrics.Floats:
        tokens = bpe.encode(self.tokenizer, texts, self.recipe.model.context_length)
        return np.asarray(embed_texts(model, tokens.to(self.device)).cpu().numpy())

    def _record(self, found: dict[str, float]) -> None:
        line = {"step": self.step, "seconds": round(self.seconds), **found}
        with (self.run / HISTORY).open("a", encoding="utf-8") as history:
            history.write(json.dumps(line) + "\n")
        log.info("%s", json.dumps(line))

    def export(self, folder: Path) -> None:
        """Write the averaged weights as an open_clip folder."""
        export(folder, self.recipe.model, self.averaged, self.tokenizer)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "recipe": self.recipe.model_dump(mode="json"),
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "averaged": self.averaged,
            "ends": self.ends,
        }
        part = self.run / f"{CHECKPOINT}.part"
        torch.save(state, part)
        part.replace(self.run / CHECKPOINT)

    def resume(self) -> bool:
        """Go on from the run's checkpoint, if there is one; say whether there was."""
        path = self.run / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.averaged, self.ends = state["averaged"], state["ends"]
        self.step, self.seconds = state["step"], state["seconds"]
        return True


def _mean(ends: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return the mean of several weights by share; what is no float comes from the last."""
    parts = [share / sum(shares) for share in shares]
    return {
        name: torch.stack([end[name] * part for end, part in zip(ends, parts, strict=True)]).sum(0)
        if last.is_floating_point()
        else last.clone()
        for name, last in ends[-1].items()
    }


def _groups(modules: Sequence[nn.Module], decay: float) -> list[dict[str, Any]]:
    """Decay matrices alone: no biases, norms, or position and token embeddings."""
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for module in modules:
        for name, parameter in module.named_parameters():
            plain = parameter.ndim < 2 or "embedding" in name or isinstance(module, AttributeHeads)
            (kept if plain else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": decay},
        {"params": kept, "weight_decay": 0.0},
    ]


def _chunks(images: Any, size: int) -> Iterable[Any]:
    return (images[at : at + size] for at in range(0, len(images), size))
