"""A part of a picture, said in fractions of it, so that it holds at every size."""

from dataclasses import dataclass

from search.errors import InvalidQueryError

_HOW = (
    "A crop is x0,y0,x1,y1 in fractions of the picture's width and height as it is seen, from the "
    "top left: 0,0,0.5,1 is its left half."
)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a picture, upright as it is seen: `0 <= x0 < x1 <= 1`, `0 <= y0 < y1 <= 1`.

    x grows to the right and y downwards, both from the top left corner.

    Raises:
        InvalidQueryError: it is empty, or lies outside the picture, if only in part.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not all(0 <= edge <= 1 for edge in self.edges):  # Also NaN, which compares to nothing.
            raise _wrong(f"The crop {self} reaches outside the picture.", str(self))
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise _wrong(f"The crop {self} is empty.", str(self))

    def __str__(self) -> str:
        """`0,0,0.5,1`: what `from_text` reads, at most 6 digits a number."""
        return ",".join(f"{edge:g}" for edge in self.edges)

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.x0, self.y0, self.x1, self.y1

    @classmethod
    def from_text(cls, text: str) -> "Box":
        """The box that a text like `0,0,0.5,1` says; raises as the class does."""
        try:
            x0, y0, x1, y1 = map(float, text.split(","))
        except ValueError:
            shown = text if len(text) <= 60 else f"{text[:60]}..."
            raise _wrong(f"The crop {shown!r} is not four numbers.", shown) from None
        return cls(x0, y0, x1, y1)


def _wrong(message: str, crop: str) -> InvalidQueryError:
    return InvalidQueryError(message, hint=_HOW, details={"crop": crop})
