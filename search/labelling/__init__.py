"""Labels of items and pictures, from their embeddings alone: nothing is trained.

`Labeller` compares embeddings with the values of an `Attribute`; `Calibration` makes confidences
of the cosines; `Presence` says of each label by itself whether it fits; `tag_collection` goes
through a whole collection and compares with the catalogue's own columns; `moderate_collection`
flags what a shop does not want to show.
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
from search.labelling.choosing import Label, choose_labels
from search.labelling.comparing import Agreement, Disagreement
from search.labelling.flags import Flag, read_flags
from search.labelling.labeller import Labeller
from search.labelling.moderating import (
    Flagged,
    Flagger,
    Known,
    Moderated,
    moderate_collection,
)
from search.labelling.planning import USUAL, plan_taggings
from search.labelling.presence import Presence
from search.labelling.tagging import Tag, Tagged, Tagging, tag_collection

__all__ = [
    "USUAL",
    "Agreement",
    "Attribute",
    "Calibration",
    "Disagreement",
    "Flag",
    "Flagged",
    "Flagger",
    "Known",
    "Label",
    "Labeller",
    "Moderated",
    "Presence",
    "Tag",
    "Tagged",
    "Tagging",
    "attribute_of",
    "calibrate",
    "choose_labels",
    "default_attributes",
    "fit_temperature",
    "match_frequencies",
    "moderate_collection",
    "named_attribute",
    "plan_taggings",
    "read_attributes",
    "read_flags",
    "tag_collection",
]
