"""How often something fails although the code is good, from outcomes grouped by what should have been equal.

The model is that of Machalica et al., Probabilistic flakiness (Meta Engineering, 2020), reduced to outcomes: a
commit is good with probability g, and then every execution fails with probability p, its flakiness; on a bad commit
every execution fails. A group of n executions of one commit with k failures therefore has the likelihood

    g C(n, k) p^k (1 - p)^(n - k)             for k < n
    g p^n + (1 - g)                           for k = n

so that a lone failure, which may be either, says little, and a failure beside a success says much. The posterior is
taken on a grid; p has a mixture of Beta priors, each weighted by how likely it makes the outcomes of all subjects
together (empirical Bayes, Casella, The American Statistician 39, 1985), g has a uniform one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

INTERVAL = (0.05, 0.95)
"""Quantiles of the credible intervals."""
WEAK_PRIOR = (0.5, 33.0)
"""Beta prior of p where there is too little to learn one from: its mean is the 1.5 % of test runs with a flaky
result that Micco (Flaky Tests at Google, 2016) reports."""
_PRIOR_MEANS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2)
_PRIOR_WEIGHTS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 80.0, 160.0)
_FEWEST_TO_LEARN_FROM = 10
# Logit-spaced, as flakiness of 0.1 % and of 1 % differ as much as 10 % and 50 % do; ends beyond what n can tell.
_P = 1.0 / (1.0 + np.exp(-np.linspace(-12.0, 6.0, 241)))
_G = (np.arange(60) + 0.5) / 60


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Executions of one subject on one commit with equal inputs.

    Attributes:
        executions: How many there were, 1 or more.
        failures: How many of them failed.
    """

    executions: int
    failures: int

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.executions or self.executions < 1:
            raise ValueError(f"{self.failures} failures of {self.executions} executions")

    @property
    def is_mixed(self) -> bool:
        """Whether equal inputs had different outcomes."""
        return 0 < self.failures < self.executions


@dataclass(frozen=True, slots=True)
class Flakiness:
    """The posterior of one subject.

    Attributes:
        probability: Mean of p, the probability that an execution on good code fails.
        low, high: Its 90 % credible interval.
    """

    probability: float
    low: float
    high: float


def estimate(subjects: Sequence[Sequence[Outcomes]]) -> list[Flakiness]:
    """The flakiness of every subject, each seen in the light of all.

    Args:
        subjects: For each the outcomes of its groups; a subject without any gets the prior.
    """
    evidence = [_summed(_log_likelihood(groups)) for groups in subjects]
    prior = _learned_prior(evidence)
    return [_posterior(likelihood, prior) for likelihood in evidence]


def _log_likelihood(groups: Sequence[Outcomes]) -> Floats:
    """(g, p) on the grid."""
    total = np.zeros((len(_G), len(_P)))
    good, flaky = np.log(_G)[:, None], np.log(_P)[None, :]
    sound = np.log1p(-_P)[None, :]
    for group, times in Counter(groups).items():
        if group.failures < group.executions:
            total += times * (good + group.failures * flaky + (group.executions - group.failures) * sound)
        else:
            total += times * np.logaddexp(good + group.executions * flaky, np.log1p(-_G)[:, None])
    return total


def _summed(likelihood: Floats) -> Floats:
    """Over g, whose prior is uniform: (p) of (g, p), both as logarithms."""
    highest = likelihood.max(axis=0)
    over_g: Floats = np.log(np.exp(likelihood - highest).sum(axis=0)) + highest
    return over_g


def _learned_prior(evidence: Sequence[Floats]) -> Floats:
    if len(evidence) < _FEWEST_TO_LEARN_FROM:
        return _beta_mass(*WEAK_PRIOR)
    candidates = _candidates()
    over_g = np.array(evidence)
    likely = np.exp(over_g - over_g.max(axis=1, keepdims=True))
    # A prior under which a subject is impossible (to the last digit) has no weight.
    with np.errstate(divide="ignore"):
        scores = np.log(likely @ np.exp(candidates).T).sum(axis=0)
    mixed: Floats = np.logaddexp.reduce(candidates + (scores - np.logaddexp.reduce(scores))[:, None], axis=0)
    return mixed


@cache
def _candidates() -> Floats:
    """The priors that are mixed, one a row."""
    return np.array(
        [_beta_mass(mean * weight, (1 - mean) * weight) for mean in _PRIOR_MEANS for weight in _PRIOR_WEIGHTS]
    )


def _beta_mass(a: float, b: float) -> Floats:
    """Log mass of a Beta law on the grid, whose points are evenly spaced in the logit (so times p (1 - p))."""
    density = a * np.log(_P) + b * np.log1p(-_P)
    mass: Floats = density - np.logaddexp.reduce(density)
    return mass


def _posterior(likelihood: Floats, prior: Floats) -> Flakiness:
    log_mass = likelihood + prior
    mass = np.exp(log_mass - log_mass.max())
    mass /= mass.sum()
    low, high = np.interp(INTERVAL, np.cumsum(mass), _P)
    return Flakiness(float(mass @ _P), float(low), float(high))
