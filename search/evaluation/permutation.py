"""How likely a group of queries lies so far below the others by chance: a permutation test.

The scores are dealt out anew among all queries. The statistic is Welch's t of a group and its rest,
as A. Janssen has it (Studentized permutation tests for non-i.i.d. hypotheses, 1997): exact where
scores do not depend on the group, and right for many queries where only the means are the same.
Where most queries score 0, a group of nothing but zeros is no surprise, and the test says so; the
bootstrap would not, as such a group has no variance that it could draw from.
"""

import numpy as np
from numpy.typing import NDArray

from search.evaluation.bootstrap import RESAMPLES, Floats, standard_error, t_of

_AT_ONCE = 2_000_000
_TIE = 1e-9


def lag_p_values(values: Floats, members: NDArray[np.bool_], *, seed: int = 0) -> Floats:
    """One-sided p-values, `(k,)`, of groups being below their rests.

    `values` is `(n,)`, `members` `(n, k) bool`. A group that leaves no rest has 1. Not corrected
    for the number of groups.
    """
    random = np.random.default_rng(seed)
    inside = members.astype(np.float64)
    n = inside.sum(axis=0)
    values = values - values.mean()
    measured = _t(values[None, :], inside)
    rows = max(1, _AT_ONCE // len(values))
    as_low = np.zeros(len(n))
    for start in range(0, RESAMPLES, rows):
        dealt = np.tile(values, (min(rows, RESAMPLES - start), 1))
        random.permuted(dealt, axis=1, out=dealt)
        as_low += (_t(dealt, inside) <= measured + _TIE).sum(axis=0)
    p_values = (1 + as_low) / (1 + RESAMPLES)
    return np.where(n == len(values), 1.0, p_values)


def _t(values: Floats, inside: Floats) -> Floats:
    """Welch's t of each group and its rest, `(b, k)`, of `(b, n)` values."""
    n = inside.sum(axis=0)
    others = np.maximum(len(inside) - n, 1)
    total, squares = values @ inside, values**2 @ inside
    rest = values.sum(axis=1, keepdims=True) - total
    rest_squares = (values**2).sum(axis=1, keepdims=True) - squares
    error = np.hypot(
        standard_error(n, total / n, squares / n),
        standard_error(others, rest / others, rest_squares / others),
    )
    return t_of(total / n - rest / others, error)
