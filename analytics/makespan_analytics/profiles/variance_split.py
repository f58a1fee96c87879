"""What the times of a step differ by: commits, machines, kinds of runner, branches, hours.

The logarithm of the time is taken as a sum of random effects, one of each factor, and a rest. The part of a factor
alone is the intraclass correlation of a one-way layout; the part beyond all others comes from what the sum of squares
falls by when it is fitted last. Where the first is large and the second small, factors go together in this history, and
nothing in it can tell which of them is the cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, fdtri

from makespan_analytics.profiles.quantiles import Floats

Codes = npt.NDArray[np.int64]

FEWEST = 20
"""Times under which nothing is split."""
FEWEST_WITHIN = 10
"""Times beyond one for each level of a factor: with fewer the spread within levels is hardly known."""
SIGNIFICANCE = 0.05
MOST = 300
"""The newest times are looked at: fits grow with the cube, and an interval of a share is narrow enough with these."""
_TAIL_RATIO = 0.01
"""The outermost hundredth on either side is moved to its border: a hung run would be all the variance there is."""
_ENTANGLED_RATIO = 0.5
"""A factor is entangled with one that takes more than half of its share away."""
_COVERAGE = 0.9
_RANK_TOLERANCE = 1e-9


class Factor(StrEnum):
    """What runs differ by."""

    COMMIT = "commit"
    """Or the run, where the commit is not known: with one run a commit they are the same."""
    WORKER = "worker"
    RUNNER_LABELS = "runner labels"
    BRANCH = "branch"
    HOUR = "hour of day"
    """In UTC."""


@dataclass(frozen=True, slots=True)
class FactorShare:
    """The part of one factor in the variance of the logarithm of the time.

    Attributes:
        levels: How many commits, machines, … there were.
        alone_ratio: Its part when no other factor is looked at; `low_ratio` and `high_ratio` enclose it in 90 of 100
            cases.
        chance: Of levels so different where they are alike (F test).
        beyond_ratio: Its part beyond every other factor with one; 0 where those leave it nothing.
        entangled_with: Factors each of which takes over half of it away: this history cannot tell them apart.
    """

    factor: Factor
    levels: int
    alone_ratio: float
    low_ratio: float
    high_ratio: float
    chance: float
    beyond_ratio: float
    entangled_with: tuple[Factor, ...]

    @property
    def is_significant(self) -> bool:
        """Whether its levels differ by more than chance."""
        return self.chance < SIGNIFICANCE


@dataclass(frozen=True, slots=True)
class VarianceSplit:
    """What the times of one step or job differ by.

    Attributes:
        times: How many were looked at.
        spread_ratio: Standard deviation of the logarithm: about the relative scatter of the time.
        shares: Of the factors that can be told, the largest alone first.
        untold: Of the others, why not.
        left_ratio: What no factor explains, of all that are significant together.
    """

    times: int
    spread_ratio: float
    shares: tuple[FactorShare, ...]
    untold: tuple[tuple[Factor, str], ...]
    left_ratio: float


def variance_split(log_s: Floats, codes: Mapping[Factor, Codes], *, most: int = MOST) -> VarianceSplit | None:
    """Split the variance of logarithms of times, oldest first.

    One-way components and their exact F interval, by the mean group size where groups are unequal: Searle, Casella and
    McCulloch, Variance Components, 1992, section 3.6; Donner, International Statistical Review 54, 1986. Components
    beyond other factors: Henderson's method 3 (Biometrics 9, 1953).

    Args:
        log_s: Natural logarithms; legs of a matrix each less their own median, so that they are no factor.
        codes: For each factor the number of every time's level; -1 where unknown.
        most: The newest times to look at.

    Returns:
        None for fewer than `FEWEST` times.
    """
    log_s = log_s[-most:]
    if len(log_s) < FEWEST:
        return None
    low, high = np.quantile(log_s, (_TAIL_RATIO, 1.0 - _TAIL_RATIO))
    values = np.clip(log_s, low, high)
    values = values - values.mean()
    spread = float(values.std(ddof=1))
    told: dict[Factor, Codes] = {}
    untold: list[tuple[Factor, str]] = []
    for factor, given in codes.items():
        newest = given[-most:]
        reason = "all times are equal" if spread == 0.0 else _why_untold(newest)
        if reason:
            untold.append((factor, reason))
        else:
            told[factor] = newest
    one_way = {factor: _one_way(values, levels) for factor, levels in told.items()}
    shares, left = _beyond(values, told, one_way)
    shares.sort(key=lambda share: -share.alone_ratio)
    return VarianceSplit(len(values), spread, tuple(shares), tuple(untold), left)


def _why_untold(codes: Codes) -> str:
    known = codes[codes >= 0]
    counts = np.unique(known, return_counts=True)[1]
    if not len(known):
        return "nobody recorded it"
    if len(counts) < 2:
        return "there was only one"
    if len(known) - len(counts) < FEWEST_WITHIN or (counts > 1).sum() < 2:
        return "too few runs share one"
    return ""


@dataclass(frozen=True, slots=True)
class _OneWay:
    ratio: float
    low: float
    high: float
    chance: float
    levels: int


def _one_way(values: Floats, codes: Codes) -> _OneWay:
    is_known = codes >= 0
    known = values[is_known]
    _, groups, counts = np.unique(codes[is_known], return_inverse=True, return_counts=True)
    n, a = len(known), len(counts)
    means = np.bincount(groups, known) / counts
    between = float(counts @ (means - known.mean()) ** 2) / (a - 1)
    within = float(((known - means[groups]) ** 2).sum()) / (n - a)
    size = (n - float((counts**2).sum()) / n) / (a - 1)
    if within <= 0.0:
        return _OneWay(1.0, 1.0, 1.0, 0.0, a) if between > 0.0 else _OneWay(0.0, 0.0, 1.0, 1.0, a)
    f = between / within
    tail = (1.0 - _COVERAGE) / 2.0

    def share(ratio: float) -> float:
        return max(0.0, (ratio - 1.0) / (ratio - 1.0 + size))

    return _OneWay(
        ratio=share(f),
        low=share(f / float(fdtri(a - 1, n - a, 1.0 - tail))),
        high=share(f / float(fdtri(a - 1, n - a, tail))),
        chance=float(fdtrc(a - 1, n - a, f)),
        levels=a,
    )


def _beyond(
    values: Floats, told: Mapping[Factor, Codes], one_way: Mapping[Factor, _OneWay]
) -> tuple[list[FactorShare], float]:
    """Shares with what each has beyond the other significant ones, and what all of those leave."""
    matter = [factor for factor in told if one_way[factor].chance < SIGNIFICANCE]
    columns = {factor: _dummies(told[factor]) for factor in matter} if len(matter) > 1 else {}
    found = []
    for factor in told:
        alone = one_way[factor]
        others = [other for other in matter if other is not factor]
        beyond, entangled = alone.ratio, []
        if factor in matter and others:
            beyond = _component_ratio(values, columns[factor], [columns[other] for other in others])
            entangled = [
                other
                for other in others
                if _component_ratio(values, columns[factor], [columns[other]]) < _ENTANGLED_RATIO * alone.ratio
            ]
        found.append(
            FactorShare(
                factor, alone.levels, alone.ratio, alone.low, alone.high, alone.chance, beyond, tuple(entangled)
            )
        )
    if len(matter) < 2:
        return found, 1.0 - sum(one_way[factor].ratio for factor in matter)
    basis = _basis(np.hstack([np.ones((len(values), 1)), *columns.values()]))
    return found, min(1.0, _rest(values, basis) / _variance(values))


def _component_ratio(values: Floats, columns: Floats, others: list[Floats]) -> float:
    """The variance component of a factor fitted last, over the whole variance; 0 where nothing of it is left."""
    ones = np.ones((len(values), 1))
    before = _basis(np.hstack([ones, *others]))
    left = columns - before @ (before.T @ columns)
    added = _basis(left)
    if not added.shape[1]:
        return 0.0
    fitted = added.T @ values
    rest = _rest(values, np.hstack([before, added]))
    component = (float(fitted @ fitted) - rest * added.shape[1]) / float((left * left).sum())
    return float(min(1.0, max(0.0, component / _variance(values))))


def _rest(values: Floats, basis: Floats) -> float:
    """Variance around a fit; all of it where the fit leaves no degree of freedom to tell."""
    freedom: int = len(values) - basis.shape[1]
    if freedom < 1:
        return _variance(values)
    fitted = basis.T @ values
    left = float(values @ values) - float(fitted @ fitted)
    return max(0.0, left) / freedom


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1))


def _dummies(codes: Codes) -> Floats:
    """One column a level; times of an unknown level share one."""
    levels, groups = np.unique(codes, return_inverse=True)
    columns = np.zeros((len(codes), len(levels)))
    columns[np.arange(len(codes)), groups] = 1.0
    return columns


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns of the same span.

    From the eigenvalues of their products: those of columns of zeros and ones are far from rounding, and it takes a
    fraction of the time of a singular value decomposition.
    """
    sizes, vectors = np.linalg.eigh(columns.T @ columns)
    kept = sizes > _RANK_TOLERANCE * max(1.0, float(sizes[-1]))
    found: Floats = columns @ (vectors[:, kept] / np.sqrt(sizes[kept]))
    return found
