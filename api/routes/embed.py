"""Embeddings for other systems."""

from fastapi import APIRouter

from api.deps import Engine, Limits
from api.embedding import as_base64, embed_images, embed_texts
from api.requests_more import EmbedBody
from api.routes.responses import ERRORS, example
from api.schemas import ModelOut
from api.schemas_more import EmbeddingsOut
from api.security import NEEDS_SEARCH
from search.encoders.base import Embeddings

router = APIRouter(prefix="/v1", tags=["models"], responses=ERRORS, dependencies=[NEEDS_SEARCH])

_EXAMPLE = {
    "texts": [[0.0271, -0.0833, 0.1204]],
    "images": [],
    "truncated": [False],
    "encoding": "list",
    "model": {"name": "mini", "fingerprint": "9f8ad21c", "dim": 3},
}


@router.post("/embed", summary="Embed texts and images", responses={200: example(_EXAMPLE)})
def embed(body: EmbedBody, engine: Engine, limits: Limits) -> EmbeddingsOut:
    """The embeddings that a search with them would compare: at most 64 texts and 16 images."""
    body.check()
    encoder = engine.serving().encoder
    identity = encoder.identity
    return EmbeddingsOut(
        texts=_told(embed_texts(encoder, body.texts), body.encoding),
        images=_told(embed_images(encoder, body.images, limits), body.encoding),
        truncated=encoder.truncated(body.texts) if body.texts else [],
        encoding=body.encoding,
        model=ModelOut(name=identity.name, fingerprint=identity.fingerprint, dim=identity.dim),
    )


def _told(embeddings: Embeddings, encoding: str) -> list[list[float] | str]:
    if encoding == "base64":
        return [as_base64(row) for row in embeddings]
    return [row.tolist() for row in embeddings]
