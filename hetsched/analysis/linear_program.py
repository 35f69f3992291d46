"""A linear program, solved by HiGHS."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hetsched.errors import HetschedError

if TYPE_CHECKING:
    from scipy.sparse import coo_array

Array = NDArray[Any]

SMALL = 10_000
"""Up to this many coefficients SciPy gets a program as a dense matrix, which is faster."""


def minimise(objective: Array, matrix: "coo_array", limits: Array, **more: object) -> Array:
    """The `x` of shape (columns) with the least `objective` (columns) @ x, such that `matrix`
    (rows, columns) @ x is at most `limits` (rows). `more` goes to SciPy's `linprog`; unless it says
    otherwise, x is at least 0.

    Raises HetschedError if the solver fails.
    """
    from scipy.optimize import linprog  # here, as it takes a quarter of a second

    small = matrix.shape[0] * matrix.shape[1] <= SMALL
    solution = linprog(
        objective, A_ub=matrix.toarray() if small else matrix.tocsr(), b_ub=limits, method="highs-ds", **more
    )
    if not solution.success:
        raise HetschedError(f"the bound's linear program failed: {solution.message}")
    return np.asarray(solution.x)
