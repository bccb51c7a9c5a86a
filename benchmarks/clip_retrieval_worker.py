"""Runs clip-retrieval's inference and times it; for an environment that has clip-retrieval.

Started by `benchmarks.clip_retrieval` as `python -I clip_retrieval_worker.py JOB.json`; without
`-I` the module beside this one would be taken for the package. It imports nothing of vitrine's but
the one file that makes torchvision importable.
"""

import importlib
import importlib.util
import json
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

_OPERATORS = Path(__file__).parents[1] / "search" / "encoders" / "torchvision_ops.py"
_NAME = "benchmarked"


def main(job: dict[str, Any]) -> None:
    """Embed the images of `job["images"]` and write how many and how long to `job["measured"]`."""
    _load(_OPERATORS).import_torchvision()
    worker: Any = importlib.import_module("clip_retrieval.clip_inference.worker")
    clock = _Clock()
    worker.LoggerWriter = lambda **_: clock
    model = job["model"]
    if job["folder"] is not None:
        model = _register(Path(job["folder"]), Path(job["output"]))
    worker.worker(
        tasks=[0],
        input_dataset=job["images"],
        output_folder=job["output"],
        output_partition_count=1,
        batch_size=job["batch_size"],
        num_prepro_workers=job["workers"],
        enable_text=False,
        clip_model=f"open_clip:{model}",
        use_jit=False,
    )
    measured = {"images": clock.images, "s": time.perf_counter() - clock.started}
    Path(job["measured"]).write_text(json.dumps(measured), encoding="utf-8")


class _Clock:
    """Stands in for the logger, which a worker starts once the model is loaded and warm.

    The logger itself would import all of clip-retrieval in a process beside the work.
    """

    images = 0
    started = 0.0

    def start(self) -> None:
        self.started = time.perf_counter()

    def __call__(self, stats: dict[str, Any]) -> None:
        self.images += stats["sample_count"]

    def end(self) -> None:
        """What is buffered is written after this: the time goes on."""


def _register(folder: Path, scratch: Path) -> str:
    """Make open_clip know a folder's model, and give clip-retrieval's name for it.

    clip-retrieval's open_clip is older than model folders: it takes the architecture and the path
    of the weights, but no preprocessing, so that the function which clip-retrieval calls is
    replaced by one with the same steps. Settings of the text tower that may be newer than it are
    left out: no text is embedded, but for warming up.
    """
    import open_clip
    from open_clip.model import CLIPTextCfg
    from open_clip.transform import PreprocessCfg, image_transform_v2

    config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    text: dict[str, Any] = config["model_cfg"]["text_cfg"]
    known = {field.name for field in fields(CLIPTextCfg)}
    text = {name: value for name, value in text.items() if name in known - {"pool_type"}}
    if "hf_tokenizer_name" in text:
        text["hf_tokenizer_name"] = str(folder)
    scratch.mkdir(parents=True, exist_ok=True)
    architecture = scratch / f"{_NAME}.json"
    architecture.write_text(json.dumps(config["model_cfg"] | {"text_cfg": text}), encoding="utf-8")
    open_clip.add_model_config(architecture)

    def create(name: str, **given: Any) -> tuple[Any, None, Any]:
        net = open_clip.create_model(name, force_preprocess_cfg=config["preprocess_cfg"], **given)
        preprocess = PreprocessCfg(**net.visual.preprocess_cfg)
        return net.eval(), None, image_transform_v2(preprocess, is_train=False)

    open_clip.create_model_and_transforms = create
    return f"{_NAME}/{folder / 'open_clip_model.safetensors'}"


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
