"""Whether something that a laptop may lack has to be here: always in continuous integration."""

import os


def is_required(variable: str) -> bool:
    """True where the variable says `required`, or CI is set: then absence is a failure."""
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    return in_ci or os.environ.get(variable) == "required"
