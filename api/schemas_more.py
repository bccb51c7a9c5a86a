"""What goes over the wire beside items and pages: facets, suggestions, labels, embeddings, ..."""

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas import ErrorResponse, FacetOut, ModelOut, PageOut


class FacetsOut(BaseModel):
    """Facets, in the order asked for."""

    facets: list[FacetOut]
    total: int = Field(description="How many hits they range over: items, or products.")
    total_is_exact: bool = Field(description="If not, there are at least so many.")
    collection: str
    warnings: list[str] = Field(description="What was done to the query that you may not expect.")


class SuggestionOut(BaseModel):
    """A text that somebody may want to type."""

    text: str
    count: int = Field(description="How many items have it.")


class SuggestionsOut(BaseModel):
    """Suggestions, the best first."""

    suggestions: list[SuggestionOut]
    ready: bool = Field(
        description="False for the seconds in which the collection's texts are gathered: there are "
        "no suggestions until then."
    )


class LabelOut(BaseModel):
    """A label of a picture or item."""

    attribute: str = Field(description="`label` for labels of your own.")
    label: str
    confidence: float = Field(
        ge=0, le=1, description="Sums to 1 over an attribute; with `several`, above 0.5 fits."
    )


class LabelledOut(BaseModel):
    """The labels of one picture or item, by attribute, the surest first."""

    image: int | None = Field(description="Which of the images, from 0; null for an item.")
    item: str | None = Field(description="Which item; null for an image.")
    labels: list[LabelOut]


class ClassifiedOut(BaseModel):
    """The labels of each image, then of each item, in their order."""

    labelled: list[LabelledOut]
    model: str


class PagesOut(BaseModel):
    """What became of each query, in their order."""

    pages: list[PageOut | ErrorResponse] = Field(description="A page each, or an error.")


class EmbeddingsOut(BaseModel):
    """Embeddings in the collection's space, L2-normalised: their products are cosines."""

    texts: list[list[float] | str] = Field(description="One vector each, in their order.")
    images: list[list[float] | str] = Field(description="One vector each, in their order.")
    truncated: list[bool] = Field(description="Whether each text is longer than the model reads.")
    encoding: Literal["list", "base64"]
    model: ModelOut


class FeedbackOut(BaseModel):
    """What became of the feedback."""

    kept: bool = Field(description="False where the service keeps no query log, or is too busy.")
