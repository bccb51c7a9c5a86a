"""Labels of pictures and items, without training anything."""

from fastapi import APIRouter, Request

from api.deps import Engine, Limits
from api.labels import Labels
from api.requests_more import ClassifyBody
from api.routes.responses import ERRORS, example
from api.schemas_more import ClassifiedOut, LabelledOut, LabelOut
from api.security import NEEDS_SEARCH

router = APIRouter(prefix="/v1", tags=["models"], responses=ERRORS, dependencies=[NEEDS_SEARCH])

_EXAMPLE = {
    "labelled": [
        {
            "item": "v0086",
            "image": None,
            "labels": [
                {"attribute": "colour", "label": "red", "confidence": 0.93},
                {"attribute": "pattern", "label": "floral", "confidence": 0.88},
            ],
        }
    ],
    "model": "mini",
}


@router.post("/classify", summary="Label images and items", responses={200: example(_EXAMPLE)})
def classify(body: ClassifyBody, request: Request, engine: Engine, limits: Limits) -> ClassifiedOut:
    """With words of your own, or with attributes that vitrine knows."""
    body.check()
    found = _labels(request).of(body, engine, limits)
    names: list[tuple[int | None, str | None]] = [(at, None) for at in range(len(body.images))]
    names += [(None, id) for id in body.items]
    return ClassifiedOut(
        labelled=[
            LabelledOut(
                image=image,
                item=item,
                labels=[
                    LabelOut(
                        attribute=each.attribute,
                        label=each.label,
                        confidence=min(each.confidence, 1.0),
                    )
                    for each in labels
                ],
            )
            for (image, item), labels in zip(names, found, strict=True)
        ],
        model=engine.serving().collection.model.name,
    )


def _labels(request: Request) -> Labels:
    """The service's own, made when it is first asked."""
    kept: Labels | None = getattr(request.app.state, "labels", None)
    if kept is None:
        kept = request.app.state.labels = Labels()
    return kept
