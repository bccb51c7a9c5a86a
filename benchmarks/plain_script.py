"""The indexing script that open_clip's README suggests, as a peer for the pipeline."""

import csv
import time
from pathlib import Path
from typing import Any

_BATCH = 64


def images_per_s(catalog: Path, model: str, database: Path) -> float:
    """Embed a CSV catalogue's images and insert them: DataLoader, batches of 64, fp32, in turns.

    The loader's workers decode beside the model, as many as there are cores; a batch is inserted
    before the next is encoded. Rows keep their id and their columns as they are.
    """
    import os

    import open_clip
    import torch
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import MilvusClient

    from search.encoders import resolve_model

    source = resolve_model(model)
    net, _, preprocess = open_clip.create_model_and_transforms(
        source.open_clip_name, pretrained=source.tag
    )
    net.eval()
    with catalog.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    client = MilvusClient(str(database))
    loader: Any = torch.utils.data.DataLoader(
        _Images(catalog.parent, rows, preprocess),  # type: ignore[arg-type]
        batch_size=_BATCH,
        num_workers=os.cpu_count() or 1,
    )
    started = time.perf_counter()
    for numbers, pixels in loader:
        with torch.inference_mode():
            embeddings = net.encode_image(pixels, normalize=True)
        found = [
            {**rows[int(number)], "embedding": embedding.tolist()}
            for number, embedding in zip(numbers, embeddings, strict=True)
        ]
        if not client.has_collection("plain"):
            client.create_collection(
                "plain",
                dimension=embeddings.shape[1],
                primary_field_name="id",
                id_type="string",
                vector_field_name="embedding",
                metric_type="IP",
                max_length=512,
            )
        client.insert("plain", found)
    speed = len(rows) / (time.perf_counter() - started)
    # Else the embedded server writes once more when Python ends, into a folder that is gone then.
    server_manager_instance.release_server(str(database))
    return speed


class _Images:
    """A data set as torch wants it: a row's number and its pixels."""

    def __init__(self, folder: Path, rows: list[dict[str, str]], preprocess: Any) -> None:
        self._folder, self._rows, self._preprocess = folder, rows, preprocess

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> tuple[int, Any]:
        from PIL import Image

        with Image.open(self._folder / self._rows[number]["image"]) as image:
            return number, self._preprocess(image.convert("RGB"))
