import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from search.encoders import PRESETS, Encoder, load_encoder, resolve_model
from search.encoders.devices import lanes_on
from search.encoders.registry import BUNDLED_PATH, SourceKind
from search.errors import ConfigError, InvalidInputError, ModelUnavailableError

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini", device="cpu")


def images(number: int, seed: int = 0) -> list[Image.Image]:
    random = np.random.default_rng(seed)
    sizes = random.integers(20, 200, (number, 2))
    return [
        Image.fromarray(random.integers(0, 256, (h, w, 3), dtype=np.uint8), "RGB") for h, w in sizes
    ]


def copied_model(folder: Path) -> Path:
    shutil.copytree(BUNDLED_PATH, folder)
    return folder


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    for part, values in changes.items():
        config[part].update(values)
    path.write_text(json.dumps(config))


class TestNames:
    def test_presets_resolve_to_other_names_or_the_bundled_folder(self) -> None:
        for preset in PRESETS.values():
            source = resolve_model(preset.name)
            assert source.name == preset.model
            if preset.name != "mini":
                assert source.kind in (SourceKind.HUB, SourceKind.PRETRAINED)
        assert resolve_model("mini").path == BUNDLED_PATH

    def test_a_folder_is_named_absolutely(self) -> None:
        assert resolve_model("local-dir:models/x").name == f"local-dir:{Path.cwd() / 'models/x'}"

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("", "is not the name"),
            ("minni", "Did you mean mini"),
            ("ViT-B-32", "ARCHITECTURE/TAG"),
            ("hf-hub:Marqo", "hf-hub:ORGANISATION/NAME"),
            ("hf-hub:a/b/c", "hf-hub:ORGANISATION/NAME"),
            ("local-dir:", "local-dir:"),
        ],
    )
    def test_what_is_no_name(self, name: str, says: str) -> None:
        with pytest.raises(ConfigError, match=says):
            resolve_model(name)

    def test_unknown_architectures_and_tags_list_near_ones(self) -> None:
        with pytest.raises(ConfigError, match="ViT-B-32"):
            load_encoder("ViT-B-33/openai")
        with pytest.raises(ConfigError, match="laion2b_s34b_b79k"):
            load_encoder("ViT-B-32/laion2b_s34b")

    def test_the_presets_facts_are_open_clips(self) -> None:
        from search.encoders.torchvision_ops import import_torchvision

        import_torchvision()
        import open_clip
        import torch

        for preset in PRESETS.values():
            source = resolve_model(preset.name)
            if source.kind is not SourceKind.PRETRAINED:
                continue
            assert source.tag in open_clip.list_pretrained_tags_by_model(source.open_clip_name)
            config = open_clip.get_model_config(source.open_clip_name)
            assert config["embed_dim"] == preset.dim
            assert config["vision_cfg"]["image_size"] == preset.image_size
            if preset.name in ("vit-b-32", "mobileclip2"):  # The others take seconds to build.
                with torch.device("meta"):
                    model = open_clip.create_model(source.open_clip_name, device="meta")
                millions = sum(p.numel() for p in model.parameters()) / 1e6
                assert millions == pytest.approx(preset.parameters_m, abs=0.06)

    def test_the_bundled_preset_is_the_bundled_model(self, encoder: Encoder) -> None:
        preset = PRESETS["mini"]
        assert (encoder.dim, encoder.image_size[0]) == (preset.dim, preset.image_size)
        millions = sum(p.numel() for p in encoder._model.parameters()) / 1e6
        assert millions == pytest.approx(preset.parameters_m, abs=0.06)


FRESH_PROCESS = """
import json, logging, os, socket, sys, time
deaf = socket.create_server(("127.0.0.1", 0))
import search.encoders, search.evaluation, search.images
from search.encoders import hub, load_encoder
from search.errors import ModelUnavailableError
heavy = {"torch", "open_clip", "torchvision", "transformers", "ir_measures", "scipy"}
found = {"imported": sorted(heavy & set(sys.modules))}
load_encoder("mini", device="cpu").encode_texts(["a"])
root = logging.getLogger()
found["left behind"] = [root.handlers, root.filters, socket.getdefaulttimeout()]
found["cached"] = load_encoder("hf-hub:shop/mini", device="cpu").identity.fingerprint
def failing(name):
    started = time.monotonic()
    try:
        load_encoder(name)
    except ModelUnavailableError as error:
        found[name] = [str(error), time.monotonic() - started]
for name in ("vit-b-32", "fashion-siglip", "RN50/openai"):
    failing(name)
from huggingface_hub import constants
constants.ENDPOINT = f"http://127.0.0.1:{deaf.getsockname()[1]}"
hub.TIMEOUT_S = 0.5
failing("hf-hub:some/model")
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("home")
    model = home / "hub" / "models--shop--mini"
    snapshot = model / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir(parents=True)
    copied_model(snapshot)
    edit_config(snapshot, model_cfg={"text_cfg": text_config(hf_tokenizer_name="shop/mini")})
    (snapshot / "config.json").write_text("{}")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0" * 40)
    # A port where nobody listens is a hub that cannot be reached, with or without a network.
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS],
        capture_output=True, text=True, timeout=180, cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1  # Nothing but what the script prints.
    return json.loads(done.stdout)


class TestFreshProcess:
    """What a process sees that has done nothing before, beside a hub that cannot be reached."""

    def test_importing_the_package_imports_no_torch(self, found: dict[str, Any]) -> None:
        assert found["imported"] == []

    def test_loading_leaves_logging_and_sockets_alone(self, found: dict[str, Any]) -> None:
        assert found["left behind"] == [[], [], None]

    def test_a_model_in_the_hubs_cache_needs_no_hub(
        self, found: dict[str, Any], encoder: Encoder
    ) -> None:
        assert found["cached"] == encoder.identity.fingerprint

    @pytest.mark.parametrize("name", ["vit-b-32", "fashion-siglip", "RN50/openai"])
    def test_without_a_hub_it_says_the_cure_at_once(self, name: str, found: dict[str, Any]) -> None:
        says, took_s = found[name]
        assert says.startswith(f"Model '{resolve_model(name).name}' is not on this machine")
        for cure in ("local-dir:", "HF_HOME", "'mini'"):
            assert cure in says
        assert took_s < 10

    def test_a_hub_that_never_answers_is_given_up(self, found: dict[str, Any]) -> None:
        says, took_s = found["hf-hub:some/model"]
        assert "cannot be reached" in says
        assert took_s < 10


class TestDamaged:
    def test_folders_that_are_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(ModelUnavailableError, match="does not exist"):
            load_encoder(f"local-dir:{tmp_path / 'none'}")
        with pytest.raises(ModelUnavailableError, match=r"no open_clip_config\.json"):
            load_encoder(f"local-dir:{tmp_path}")

    @pytest.mark.parametrize(
        "damage", ["no weights", "short weights", "config", "encoding", "tokenizer"]
    )
    def test_damaged_folders_never_give_random_vectors(self, damage: str, tmp_path: Path) -> None:
        folder = copied_model(tmp_path / "model")
        weights = folder / "open_clip_model.safetensors"
        if damage == "no weights":
            weights.unlink()
        elif damage == "short weights":
            weights.write_bytes(weights.read_bytes()[:10_000])
        elif damage == "config":
            (folder / "open_clip_config.json").write_text('{"model_cfg": ')
        elif damage == "encoding":
            (folder / "open_clip_config.json").write_bytes(b'{"model_cfg": "\xff"}')
        else:
            (folder / "tokenizer.json").write_text("{}")
        with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
            load_encoder(f"local-dir:{folder}")


def text_config(**changes: object) -> dict[str, object]:
    config = json.loads((BUNDLED_PATH / "open_clip_config.json").read_text())
    return {**config["model_cfg"]["text_cfg"], **changes}


class TestIdentity:
    def test_it_does_not_depend_on_path_or_precision(
        self, encoder: Encoder, tmp_path: Path
    ) -> None:
        moved = load_encoder(
            f"local-dir:{copied_model(tmp_path / 'm')}", device="cpu", precision="bf16"
        )
        assert moved.identity.fingerprint == encoder.identity.fingerprint
        assert moved.identity.name == f"local-dir:{tmp_path / 'm'}"
        assert encoder.identity.name == "mini"
        assert len(encoder.identity.fingerprint) == 64

    def test_it_does_not_depend_on_the_file_format(self, encoder: Encoder, tmp_path: Path) -> None:
        import torch
        from safetensors.torch import load_file

        folder = copied_model(tmp_path / "m")
        weights = folder / "open_clip_model.safetensors"
        torch.save(load_file(weights), folder / "open_clip_pytorch_model.bin")
        weights.unlink()
        other = load_encoder(f"local-dir:{folder}", device="cpu")
        assert other.identity.fingerprint == encoder.identity.fingerprint

    @pytest.mark.parametrize("change", ["weight", "preprocessing", "tokenizer", "context", "scale"])
    def test_it_changes_with_what_decides_the_vectors(
        self, change: str, encoder: Encoder, tmp_path: Path
    ) -> None:
        from safetensors.torch import load_file, save_file

        folder = copied_model(tmp_path / "m")
        weights = folder / "open_clip_model.safetensors"
        if change in ("weight", "scale"):
            state = load_file(weights)
            state["text.ln_final.bias" if change == "weight" else "logit_scale"] += 1e-3
            save_file(state, weights)
        elif change == "preprocessing":
            edit_config(folder, preprocess_cfg={"mean": [0.5, 0.5, 0.4]})
        elif change == "context":
            edit_config(folder, model_cfg={"text_cfg": text_config(context_length=31)})
            state = load_file(weights)
            state["text.positional_embedding"] = state["text.positional_embedding"][:31].clone()
            save_file(state, weights)
        else:
            tokenizer = folder / "tokenizer.json"
            data = json.loads(tokenizer.read_text())
            vocabulary = data["model"]["vocab"]
            last, before = sorted(vocabulary, key=vocabulary.__getitem__)[-2:]
            vocabulary[last], vocabulary[before] = vocabulary[before], vocabulary[last]
            tokenizer.write_text(json.dumps(data))
        other = load_encoder(f"local-dir:{folder}", device="cpu").identity.fingerprint
        # The scale of the loss decides nothing.
        assert (other == encoder.identity.fingerprint) is (change == "scale")

    def test_the_fingerprint_of_the_bundled_model_takes_no_time(self) -> None:
        from search.encoders.identity import fingerprint
        from search.encoders.loading import load_model

        loaded = load_model(resolve_model("mini"))
        took = []
        for _ in range(5):
            started = time.process_time()
            fingerprint(
                loaded.model, architecture=loaded.architecture, tokenizer=loaded.tokenizer,
                preprocessing=loaded.preprocessing, dim=256,
            )  # fmt: skip
            took.append(time.process_time() - started)
        assert min(took) < 0.1


class TestEncoding:
    def test_shapes_types_and_norms(self, encoder: Encoder) -> None:
        for embeddings in (
            encoder.encode_texts(["red", "blue dress"]),
            encoder.encode_images(images(2)),
        ):
            assert embeddings.shape == (2, encoder.dim)
            assert embeddings.dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)

    def test_nothing_in_nothing_out(self, encoder: Encoder) -> None:
        assert encoder.encode_texts([]).shape == (0, encoder.dim)
        assert encoder.encode_images([]).shape == (0, encoder.dim)
        assert encoder.preprocess([]).shape == (0, 3, *encoder.image_size)
        assert encoder.encode_pixels(encoder.preprocess([])).shape == (0, encoder.dim)
        assert encoder.truncated([]) == []

    def test_any_number_in_any_batches_in_order(self, encoder: Encoder) -> None:
        many = images(37)
        whole = encoder.encode_images(many)
        one_by_one = np.concatenate([encoder.encode_images([image]) for image in many])
        np.testing.assert_allclose(whole, one_by_one, atol=1e-4)
        texts = [f"dress number {n}" for n in range(37)]
        singly = np.concatenate([encoder.encode_texts([text]) for text in texts])
        np.testing.assert_allclose(encoder.encode_texts(texts), singly, atol=1e-4)

    def test_pixels_of_another_shape_are_refused(self, encoder: Encoder) -> None:
        floats = encoder.preprocess(images(2)).astype(np.float32)
        for pixels in (np.zeros((2, 3, 5, 5), dtype=np.uint8), floats):
            with pytest.raises(InvalidInputError, match="Pixels have shape"):
                encoder.encode_pixels(pixels)

    @pytest.mark.parametrize("size", [(1, 1), (1, 60_000), (60_000, 1), (3, 5_000)])
    def test_strips_take_no_memory(self, encoder: Encoder, size: tuple[int, int]) -> None:
        started = time.perf_counter()
        embedding = encoder.encode_images([Image.new("RGB", size, (200, 30, 30))])
        assert np.isfinite(embedding).all()
        assert time.perf_counter() - started < 5

    def test_many_threads_may_encode(self, encoder: Encoder) -> None:
        texts = [f"{'long ' * n} red dress" for n in range(12)]
        expected = [encoder.encode_texts([text]) for text in texts]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda text: encoder.encode_texts([text]), texts * 3))
            cut = list(pool.map(lambda text: encoder.truncated([text])[0], texts * 3))
        for one, other in zip(found, expected * 3, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
        assert cut == encoder.truncated(texts) * 3

    def test_texts_beyond_the_context_are_cut_and_said_to_be(self, encoder: Encoder) -> None:
        room = encoder.context_length - 2
        words = ["red"] * (room + 10)
        fits, over = " ".join(words[:room]), " ".join(words[: room + 1])
        assert encoder.truncated(["red dress", fits, over]) == [False, False, True]
        vectors = encoder.encode_texts([fits, over, f"{over} blue shoes"])
        # What is beyond the context has no say, and the end mark is kept: all three are one.
        np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-5)
        np.testing.assert_allclose(vectors[2], vectors[0], atol=1e-5)

    def test_bf16_is_near_fp32(self, encoder: Encoder) -> None:
        half = load_encoder("mini", device="cpu", precision="bf16")
        assert (half.precision, encoder.precision) == ("bf16", "fp32")
        some = images(4)
        near = (half.encode_images(some) * encoder.encode_images(some)).sum(axis=1)
        assert near.min() > 0.99


class TestDevices:
    @pytest.mark.parametrize(
        ("device", "precision", "says"),
        [
            ("gpu", "auto", "not a device"),
            ("cpu:1", "auto", "not a device"),
            ("cuda:x", "auto", "not a device"),
            ("cuda:99", "auto", "cuda"),
            ("cpu", "fp8", "not a precision"),
            ("cpu", "fp16", "does not run on a CPU"),
        ],
    )
    def test_what_is_not_there_is_said(self, device: str, precision: str, says: str) -> None:
        with pytest.raises(ConfigError, match=says):
            load_encoder("mini", device=device, precision=precision)


def test_lanes_take_a_part_of_the_cores_and_leave_the_others_as_they_were() -> None:
    before = torch.get_num_threads()
    with (
        lanes_on(torch.device("cpu")) as lanes,
        ThreadPoolExecutor(1, initializer=lanes.enter) as lane,
    ):
        each = lane.submit(torch.get_num_threads).result()
    assert lanes.count * each <= max(before, 1)
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == torch.get_num_threads() == before
