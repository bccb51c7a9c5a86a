"""Names of models, and where each name's weights come from. Nothing here imports torch.

A name is one of

- a preset: `mini` (bundled) or another short name of `PRESETS`;
- `ARCHITECTURE/TAG`: one of open_clip's pretrained models, as in `ViT-B-32/laion2b_s34b_b79k`;
- `hf-hub:ORGANISATION/NAME`: an open_clip model on the Hugging Face hub;
- `local-dir:PATH`: a folder with `open_clip_config.json`, weights and, if needed, a tokenizer.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from search.errors import ConfigError

CONFIG_FILE = "open_clip_config.json"
"""What a folder with a model of open_clip has in it."""

BUNDLED = "mini"
BUNDLED_PATH = Path(__file__).resolve().parents[1] / "models" / BUNDLED

_HUB_PREFIX = "hf-hub:"
_FOLDER_PREFIX = "local-dir:"


@dataclass(frozen=True, slots=True)
class Preset:
    """A model worth choosing. `parameters_m` counts both towers, in millions."""

    name: str
    model: str
    dim: int
    image_size: int
    parameters_m: float
    licence: str
    note: str


class SourceKind(StrEnum):
    """Where weights come from."""

    FOLDER = "local-dir"
    HUB = "hf-hub"
    PRETRAINED = "pretrained"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A name, resolved. `name` is what to pass to load the same model again, from any folder.

    `open_clip_name` is what open_clip calls it; `tag` is its pretrained tag (kind PRETRAINED).
    """

    name: str
    kind: SourceKind
    open_clip_name: str
    tag: str | None = None
    path: Path | None = None


# dim and image size from open_clip's configs, parameters counted on the models that they build,
# licences as far as their publishers or mirrors say. `mini` is what search/models/mini/ holds.
_PRESETS = (
    Preset(
        BUNDLED, BUNDLED, 256, 112, 7.2, "Apache-2.0",
        "Bundled: for trying vitrine, and for fashion in English. Needs no network.",
    ),
    Preset(
        "fashion-siglip", "hf-hub:Marqo/marqo-fashionSigLIP", 768, 224, 203.2, "Apache-2.0",
        "ViT-B-16-SigLIP tuned on a million fashion products: the first choice for fashion.",
    ),
    Preset(
        "fashion-clip", "hf-hub:Marqo/marqo-fashionCLIP", 512, 224, 149.6, "Apache-2.0",
        "ViT-B-16 tuned on the same products; smaller vectors.",
    ),
    Preset(
        "siglip2", "ViT-B-16-SigLIP2/webli", 768, 224, 375.2, "Apache-2.0",
        "Any catalogue, and queries in many languages.",
    ),
    Preset(
        "siglip2-large", "ViT-L-16-SigLIP2-256/webli", 1024, 256, 881.5, "Apache-2.0",
        "The same, larger: wants a GPU.",
    ),
    Preset(
        "vit-b-32", "ViT-B-32/laion2b_s34b_b79k", 512, 224, 151.3, "MIT",
        "The common baseline for any catalogue; quick on a CPU for its size.",
    ),
    Preset(
        "vit-l-14", "ViT-L-14/datacomp_xl_s13b_b90k", 768, 224, 427.6, "MIT",
        "Any catalogue, larger: wants a GPU.",
    ),
    Preset(
        "mobileclip2", "MobileCLIP2-S0/dfndr2b", 512, 256, 74.8, "Apple's own (apple-amlr)",
        "Small and quick; read its licence before commercial use.",
    ),
)  # fmt: skip

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _PRESETS})
"""Short names of models, in the order of the documentation."""


def resolve_model(name: str) -> ModelSource:
    """What a model's name stands for. Reads no file and asks no hub.

    Raises:
        ConfigError: the name has none of the forms that names have.
    """
    name = name.strip()
    if name == BUNDLED:
        return ModelSource(
            BUNDLED, SourceKind.FOLDER, f"{_FOLDER_PREFIX}{BUNDLED_PATH}", path=BUNDLED_PATH
        )
    if name in PRESETS:
        return resolve_model(PRESETS[name].model)
    if name.startswith(_FOLDER_PREFIX):
        return _folder(name)
    if name.startswith(_HUB_PREFIX):
        return _hub(name)
    architecture, slash, tag = name.partition("/")
    if not (architecture and slash and tag):
        raise _not_a_name(name)
    return ModelSource(name, SourceKind.PRETRAINED, architecture, tag=tag)


def known_dim(source: ModelSource) -> int | None:
    """The dim of a model's embeddings as far as files on this machine say it; loads no model.

    Those are a model's own folder, and the architectures that open_clip is installed with.
    """
    keys: tuple[str, ...] = ("embed_dim",)
    if source.path is not None:
        file, keys = source.path / CONFIG_FILE, ("model_cfg", "embed_dim")
    else:
        preset = next((one for one in _PRESETS if one.model == source.name), None)
        if preset is not None:
            return preset.dim
        installed = find_spec("open_clip")
        if source.tag is None or installed is None or installed.origin is None:
            return None
        configs = Path(installed.origin).parent / "model_configs"
        file = configs / f"{source.open_clip_name}.json"
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        for key in keys:
            said = said[key]
        return int(said)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folder(name: str) -> ModelSource:
    given = name.removeprefix(_FOLDER_PREFIX)
    if not given:
        raise ConfigError(
            f"'{name}' names no folder.", hint="Write local-dir: and the folder's path."
        )
    path = Path(given).expanduser().absolute()
    canonical = f"{_FOLDER_PREFIX}{path}"
    return ModelSource(canonical, SourceKind.FOLDER, canonical, path=path)


def _hub(name: str) -> ModelSource:
    repository = name.removeprefix(_HUB_PREFIX)
    organisation, slash, model = repository.partition("/")
    if not (organisation and slash and model) or "/" in model:
        raise ConfigError(
            f"'{name}' is not a model of the hub.", hint="Write hf-hub:ORGANISATION/NAME."
        )
    return ModelSource(name, SourceKind.HUB, name)


def _not_a_name(name: str) -> ConfigError:
    near = difflib.get_close_matches(name.lower(), list(PRESETS), n=3)
    guess = f"Did you mean {' or '.join(near)}? " if near else ""
    return ConfigError(
        f"'{name}' is not the name of a model.",
        hint=f"{guess}Presets: {', '.join(PRESETS)}. Other names are ARCHITECTURE/TAG,"
        " hf-hub:ORGANISATION/NAME and local-dir:PATH.",
        details={"model": name, "near": near},
    )
