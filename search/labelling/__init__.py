"""Labels of items and pictures, from their embeddings alone: nothing is trained.

`Labeller` compares embeddings with the values of an `Attribute`; `Calibration` makes confidences
of the cosines; `Presence` says of each label by itself whether it fits; `tag_collection` goes
through a whole collection and compares with the catalogue's own columns.
"""

from search.labelling.attributes import (
    Attribute,
    attribute_of,
    default_attributes,
    named_attribute,
    read_attributes,
)
from search.labelling.calibrating import (
    Calibration,
    calibrate,
    fit_temperature,
    match_frequencies,
)
from search.labelling.comparing import Agreement, Disagreement
from search.labelling.labeller import Labeller
from search.labelling.planning import USUAL, plan_taggings
from search.labelling.presence import Presence
from search.labelling.tagging import Tag, Tagged, Tagging, tag_collection

__all__ = [
    "USUAL",
    "Agreement",
    "Attribute",
    "Calibration",
    "Disagreement",
    "Labeller",
    "Presence",
    "Tag",
    "Tagged",
    "Tagging",
    "attribute_of",
    "calibrate",
    "default_attributes",
    "fit_temperature",
    "match_frequencies",
    "named_attribute",
    "plan_taggings",
    "read_attributes",
    "tag_collection",
]
