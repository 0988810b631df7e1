"""Is a Sharpe ratio more than luck, after all the settings that were tried?

Sources. Bailey & Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk
15(2), 2012: probabilistic Sharpe ratio, minimum track record length. The same,
"The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), 2014: expected maximum,
deflated Sharpe ratio, effective number of trials (its appendix A.3).

Sharpe ratios here are per period, never yearly: the yearly one over the root of the periods
in a year. Kurtosis is 3 for the normal distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from training.statistics.metrics import STEADY, Floats, deviation

EULER_MASCHERONI = 0.5772156649015329
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Moments:
    """Of period returns: count, Sharpe ratio per period (sample deviation), skewness, kurtosis."""

    count: int
    sharpe: float
    skew: float
    kurtosis: float


@dataclass(frozen=True)
class Trials:
    """What was tried. number: settings that traded.  idle: settings whose returns never moved.

    sharpe_variance: of the Sharpe ratios per period, over settings.  correlation: mean over
    pairs of settings.  effective: how many independent settings they amount to.
    """

    number: int
    idle: int
    sharpe_variance: float
    correlation: float
    effective: float


@dataclass(frozen=True)
class Deflated:
    """probability: that the true Sharpe ratio is above what luck alone would give the best of the trials.

    sharpe, threshold: per period, found and expected of luck.  trials: how many the
    threshold allows for.  min_periods: periods after which the ratio found would stand at
    the wanted confidence; None where it is not above the threshold.
    """

    probability: float
    sharpe: float
    threshold: float
    trials: float
    periods: int
    skew: float
    kurtosis: float
    min_periods: float | None


def moments(returns: Floats) -> Moments | None:
    """Moments of period returns; None where they have no variance. Skewness and kurtosis without bias correction."""
    spread = deviation(returns)
    if spread is None:
        return None
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    return Moments(
        count=len(returns),
        sharpe=float(returns.mean()) / spread,
        skew=float(np.mean(centred**3)) / variance**1.5,
        kurtosis=float(np.mean(centred**4)) / variance**2,
    )


def probabilistic_sharpe(
    sharpe: float, benchmark: float, periods: int, *, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio is above the benchmark (2012).

    sharpe, benchmark: per period.  periods: how many returns, > 1.
    """
    if periods < 2:
        raise ValueError(f"a Sharpe ratio of {periods} periods has no error")
    spread = math.sqrt(_error(sharpe, skew, kurtosis))
    if spread == 0:
        return 0.5 if sharpe == benchmark else float(sharpe > benchmark)
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(periods - 1) / spread)


def min_track_record(
    sharpe: float, benchmark: float, *, skew: float = 0.0, kurtosis: float = 3.0, confidence: float = 0.95
) -> float | None:
    """Periods after which `sharpe` stands above `benchmark` with that confidence (2012).

    None where the ratio is not above the benchmark: no length would do.
    """
    if sharpe <= benchmark:
        return None
    return 1 + _error(sharpe, skew, kurtosis) * (_NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def expected_max_sharpe(sharpe_variance: float, trials: float) -> float:
    """Sharpe ratio per period that luck gives the best of `trials` without any edge (2014).

    sharpe_variance: of the trials' Sharpe ratios per period.  trials: independent ones, >= 1,
    need not be whole; one alone is expected to show 0.
    """
    if trials < 1 or sharpe_variance < 0:
        raise ValueError(f"{trials} trials with variance {sharpe_variance} are none")
    if trials == 1:
        return 0.0
    most = (1 - EULER_MASCHERONI) * _NORMAL.inv_cdf(1 - 1 / trials) + EULER_MASCHERONI * _NORMAL.inv_cdf(
        1 - 1 / (trials * math.e)
    )
    # The formula is one for many trials; just above one it falls below none.
    return math.sqrt(sharpe_variance) * max(most, 0.0)


def effective_trials(number: int, correlation: float) -> float:
    """Independent trials that `number` of that mean correlation amount to (2014), >= 1."""
    if number < 1:
        raise ValueError("no trial")
    shared = min(max(correlation, 0.0), 1.0)
    return shared + (1 - shared) * number


def trials_of(matrix: Floats) -> Trials:
    """What a sweep tried.  matrix: float64[T, N], period returns of N settings over the same T periods.

    Settings that never traded take no part in the draw, and are counted apart.
    """
    spread = matrix.std(axis=0, ddof=1) if len(matrix) > 1 else np.zeros(matrix.shape[1])
    lively = spread > STEADY * np.abs(matrix).max(axis=0, initial=0.0)
    number = int(np.count_nonzero(lively))
    kept, spread = matrix[:, lively], spread[lively]
    sharpes = kept.mean(axis=0) / spread
    correlation = 0.0
    if number > 1:
        standard = (kept - kept.mean(axis=0)) / spread
        # The variance of the sum of standardised columns is the sum of all their correlations.
        everything = float(np.sum(standard.sum(axis=1) ** 2)) / (len(kept) - 1)
        correlation = (everything - number) / (number * (number - 1))
    return Trials(
        number=number,
        idle=matrix.shape[1] - number,
        sharpe_variance=float(sharpes.var(ddof=1)) if number > 1 else 0.0,
        correlation=correlation,
        effective=effective_trials(number, correlation) if number else 0.0,
    )


def deflated_sharpe(
    returns: Floats, sharpe_variance: float, trials: float, *, confidence: float = 0.95
) -> Deflated | None:
    """Deflated Sharpe ratio of the chosen setting (2014); None where its returns have no variance.

    returns: period returns of the setting that was chosen.  sharpe_variance: of the Sharpe
    ratios per period of everything that was tried.  trials: how many independent tries.
    """
    found = moments(returns)
    if found is None:
        return None
    threshold = expected_max_sharpe(sharpe_variance, trials)
    return Deflated(
        probability=probabilistic_sharpe(
            found.sharpe, threshold, found.count, skew=found.skew, kurtosis=found.kurtosis
        ),
        sharpe=found.sharpe,
        threshold=threshold,
        trials=trials,
        periods=found.count,
        skew=found.skew,
        kurtosis=found.kurtosis,
        min_periods=min_track_record(
            found.sharpe, threshold, skew=found.skew, kurtosis=found.kurtosis, confidence=confidence
        ),
    )


def _error(sharpe: float, skew: float, kurtosis: float) -> float:
    """Variance of the Sharpe ratio's estimate times (periods - 1); never below 0 for moments that exist."""
    return max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 0.0)
