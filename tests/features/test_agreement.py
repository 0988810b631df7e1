"""Every column against a second opinion: `ta` where it has the indicator, plain numpy or pandas where not.

`ta` remembers everything since the first row, our exponential means 256 rows (the
EMA of 50: 384); what is cut off is the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import ta
import talib

from bot.domain.candles import Candles, FloatArray
from bot.features import NAMES, UNITS, compute
from bot.features.supertrend import BLOCK
from tests.features.markets import DATA, recorded, walk

Frame = pd.DataFrame
Reference = Callable[[Frame], "pd.Series[float]"]


def _swings(d: Frame, column: str, sign: float) -> list[list[int]]:
    """For each row the confirmed swings it may know, oldest first: plain loops."""
    x = (sign * d[column]).to_numpy()
    rows = [p for p in range(3, len(x) - 3) if x[p] > max(x[p - 3 : p]) and x[p] >= max(x[p + 1 : p + 4])]
    return [[p for p in rows if t - 100 <= p <= t - 3][-6:] for t in range(len(x))]


def _newest_two(d: Frame, column: str, sign: float) -> pd.Series:
    x = sign * d[column].to_numpy()
    return pd.Series([float(len(s) > 1 and x[s[-1]] > x[s[-2]]) for s in _swings(d, column, sign)])


def _nearest(d: Frame, column: str, sign: float) -> pd.Series:
    x, close = d[column].to_numpy(), d["close"].to_numpy()
    found = []
    for t, swings in enumerate(_swings(d, column, sign)):
        beyond = [sign * x[p] for p in swings if sign * x[p] > sign * close[t]]
        found.append(sign * min(beyond) if beyond else sign * max(sign * x[max(t - 99, 0) : t + 1]))
    return pd.Series(found)


def _divergence(d: Frame, indicator: pd.Series) -> pd.Series:
    value = indicator.to_numpy()
    high, low = d["high"].to_numpy(), d["low"].to_numpy()
    out = []
    for t, (tops, bottoms) in enumerate(zip(_swings(d, "high", 1.0), _swings(d, "low", -1.0), strict=True)):
        bull = bear = -1
        if len(bottoms) > 1:
            before, last = bottoms[-2:]
            if low[last] < low[before] and value[last] > value[before] and t - last <= 14:
                bull = last
        if len(tops) > 1:
            before, last = tops[-2:]
            if high[last] > high[before] and value[last] < value[before] and t - last <= 14:
                bear = last
        out.append(float(np.sign(bull - bear)))
    return pd.Series(out)


def _supertrend(d: Frame, what: str) -> pd.Series:
    """The usual recursion, begun anew for each row at the block before its own."""
    atr = ta.volatility.AverageTrueRange(d["high"], d["low"], d["close"], 10).average_true_range().to_numpy()
    middle = ((d["high"] + d["low"]) / 2).to_numpy()
    close = d["close"].to_numpy()
    bar = d["bar"].to_numpy()
    out = np.full(len(d), np.nan)
    for begin in range(int(np.flatnonzero(bar % BLOCK == 0)[0]), len(d) - BLOCK, BLOCK):
        upper, lower = middle[begin] + 3 * atr[begin], middle[begin] - 3 * atr[begin]
        up = close[begin] >= middle[begin]
        for t in range(begin + 1, min(begin + 2 * BLOCK, len(d))):
            basic_upper, basic_lower = middle[t] + 3 * atr[t], middle[t] - 3 * atr[t]
            upper = basic_upper if basic_upper < upper or close[t - 1] > upper else upper
            lower = basic_lower if basic_lower > lower or close[t - 1] < lower else lower
            up = close[t] >= lower if up else close[t] > upper
            if t >= begin + BLOCK:
                out[t] = (1.0 if up else -1.0) if what == "direction" else (lower if up else upper)
    return pd.Series(out)


def _aroon(price: pd.Series, place: Callable[[FloatArray], np.intp]) -> pd.Series:
    """As `ta`, but of equal extremes the newest counts (TA-Lib), not the oldest."""
    return price.rolling(26).apply(lambda x: (25 - float(place(x[::-1]))) * 4, raw=True)


def _bands(d: Frame) -> ta.volatility.BollingerBands:
    return ta.volatility.BollingerBands(d["close"], 20, 2)


def _keltner(d: Frame) -> ta.volatility.KeltnerChannel:
    return ta.volatility.KeltnerChannel(
        d["high"], d["low"], d["close"], window=20, window_atr=10, original_version=False, multiplier=2
    )


def _donchian(d: Frame) -> ta.volatility.DonchianChannel:
    return ta.volatility.DonchianChannel(d["high"], d["low"], d["close"], 20)


def _adx(d: Frame) -> ta.trend.ADXIndicator:
    return ta.trend.ADXIndicator(d["high"], d["low"], d["close"], 14)


def _stochastic(d: Frame) -> ta.momentum.StochasticOscillator:
    return ta.momentum.StochasticOscillator(d["high"], d["low"], d["close"], 14, 3)


def _moves(d: Frame) -> pd.Series:
    return np.log(d["close"]).diff()


def _rank(d: Frame) -> pd.Series:
    width = _bands(d).bollinger_wband()
    return width.rolling(121).apply(lambda x: float(np.mean(x[:-1] < x[-1])), raw=True)


def _pivot(d: Frame) -> pd.Series:
    return ((d["high"].rolling(24).max() + d["low"].rolling(24).min() + d["close"]) / 3).shift(1)


def _rsi(d: Frame) -> pd.Series:
    return ta.momentum.RSIIndicator(d["close"], 14).rsi()


def _own_trend(d: Frame) -> pd.Series:
    return d["close"].rolling(20).mean() / d["close"].rolling(50).mean() - 1


EXACT, CLOSE, NEAR = 1e-9, 1e-8, 1e-6

# Column: (second opinion, tolerance in the column's unit; of the price where that is the unit)
REFERENCES: dict[str, tuple[Reference, float]] = {
    "sma_20": (lambda d: ta.trend.sma_indicator(d["close"], 20), EXACT),
    "sma_50": (lambda d: ta.trend.sma_indicator(d["close"], 50), EXACT),
    "sma_200": (lambda d: ta.trend.sma_indicator(d["close"], 200), EXACT),
    "ema_12": (lambda d: ta.trend.ema_indicator(d["close"], 12), EXACT),
    "ema_26": (lambda d: ta.trend.ema_indicator(d["close"], 26), CLOSE),
    "ema_50": (lambda d: ta.trend.ema_indicator(d["close"], 50), NEAR),
    "macd": (lambda d: ta.trend.MACD(d["close"]).macd(), CLOSE),
    "macd_signal": (lambda d: ta.trend.MACD(d["close"]).macd_signal(), CLOSE),
    "macd_hist": (lambda d: ta.trend.MACD(d["close"]).macd_diff(), CLOSE),
    "adx": (lambda d: _adx(d).adx(), 1e-5),
    "plus_di": (lambda d: _adx(d).adx_pos(), 1e-5),
    "minus_di": (lambda d: _adx(d).adx_neg(), 1e-5),
    "aroon_up": (lambda d: _aroon(d["high"], np.argmax), EXACT),
    "aroon_down": (lambda d: _aroon(d["low"], np.argmin), EXACT),
    "supertrend": (lambda d: _supertrend(d, "direction"), EXACT),
    "supertrend_line": (lambda d: _supertrend(d, "line"), NEAR),
    "rsi_14": (_rsi, 1e-5),
    "rsi_7": (lambda d: ta.momentum.RSIIndicator(d["close"], 7).rsi(), EXACT),
    "stoch_k": (lambda d: _stochastic(d).stoch(), EXACT),
    "stoch_d": (lambda d: _stochastic(d).stoch_signal(), EXACT),
    "williams_r": (lambda d: ta.momentum.WilliamsRIndicator(d["high"], d["low"], d["close"], 14).williams_r(), EXACT),
    "cci_20": (lambda d: ta.trend.CCIIndicator(d["high"], d["low"], d["close"], 20).cci(), NEAR),
    "mfi_14": (
        lambda d: ta.volume.MFIIndicator(d["high"], d["low"], d["close"], d["volume"], 14).money_flow_index(),
        NEAR,
    ),
    "roc_10": (lambda d: ta.momentum.ROCIndicator(d["close"], 10).roc(), EXACT),
    "bb_upper": (lambda d: _bands(d).bollinger_hband(), EXACT),
    "bb_middle": (lambda d: _bands(d).bollinger_mavg(), EXACT),
    "bb_lower": (lambda d: _bands(d).bollinger_lband(), EXACT),
    "bb_width": (lambda d: _bands(d).bollinger_wband() / 100, EXACT),
    "bb_percent": (lambda d: _bands(d).bollinger_pband(), NEAR),
    "atr_14": (
        lambda d: ta.volatility.AverageTrueRange(d["high"], d["low"], d["close"], 14).average_true_range(),
        EXACT,
    ),
    "atr_7": (
        lambda d: ta.volatility.AverageTrueRange(d["high"], d["low"], d["close"], 7).average_true_range(),
        EXACT,
    ),
    "keltner_upper": (lambda d: _keltner(d).keltner_channel_hband(), EXACT),
    "keltner_lower": (lambda d: _keltner(d).keltner_channel_lband(), EXACT),
    "donchian_upper": (lambda d: _donchian(d).donchian_channel_hband(), EXACT),
    "donchian_lower": (lambda d: _donchian(d).donchian_channel_lband(), EXACT),
    # TA-Lib's running totals, over the 200 rows that ours hold.
    "obv": (lambda d: pd.Series(talib.OBV(d["close"].to_numpy(), d["volume"].to_numpy())).diff(200), NEAR),
    "accumulation_distribution": (
        lambda d: pd.Series(talib.AD(*(d[c].to_numpy() for c in ("high", "low", "close", "volume")))).diff(200),
        NEAR,
    ),
    "vwap": (
        lambda d: ta.volume.VolumeWeightedAveragePrice(
            d["high"], d["low"], d["close"], d["volume"], 24
        ).volume_weighted_average_price(),
        EXACT,
    ),
    "volume_sma_20": (lambda d: d["volume"].rolling(20).mean(), NEAR),
    "volume_ratio": (lambda d: d["volume"] / d["volume"].rolling(20).mean(), NEAR),
    "candle_body_size": (lambda d: (d["close"] / d["open"] - 1).abs(), EXACT),
    "candle_wick_ratio": (
        lambda d: (
            (d["high"] - d[["open", "close"]].max(axis=1) + d[["open", "close"]].min(axis=1) - d["low"])
            .div(d["high"] - d["low"])
            .where(d["high"] > d["low"], 0.0)
        ),
        EXACT,
    ),
    "higher_high": (lambda d: _newest_two(d, "high", 1.0), EXACT),
    "lower_low": (lambda d: _newest_two(d, "low", -1.0), EXACT),
    "pivot_points": (_pivot, EXACT),
    "support_levels": (lambda d: _nearest(d, "low", -1.0), EXACT),
    "resistance_levels": (lambda d: _nearest(d, "high", 1.0), EXACT),
    "trend_1h": (_own_trend, EXACT),
    "rsi_1h": (_rsi, 0.02),
    "volume_ratio_1h": (lambda d: d["volume"] / d["volume"].rolling(20).mean(), NEAR),
    "close": (lambda d: d["close"], EXACT),
    "return_1": (lambda d: d["close"].pct_change(1), EXACT),
    "return_5": (lambda d: d["close"].pct_change(5), EXACT),
    "return_20": (lambda d: d["close"].pct_change(20), EXACT),
    "volatility_20": (lambda d: _moves(d).rolling(20).std(ddof=0), EXACT),
    "volatility_ratio": (lambda d: _moves(d).rolling(20).std(ddof=0) / _moves(d).rolling(100).std(ddof=0), NEAR),
    "zscore_20": (
        lambda d: (d["close"] - d["close"].rolling(20).mean()) / d["close"].rolling(20).std(ddof=0),
        NEAR,
    ),
    "bb_width_rank": (_rank, EXACT),
    "macd_hist_slope": (lambda d: ta.trend.MACD(d["close"]).macd_diff().diff(), CLOSE),
    "rsi_slope": (lambda d: _rsi(d).diff(3), 1e-5),
    "breakout_up": (lambda d: d["close"] / _donchian(d).donchian_channel_hband().shift() - 1, EXACT),
    "breakout_down": (lambda d: d["close"] / _donchian(d).donchian_channel_lband().shift() - 1, EXACT),
    "rsi_divergence": (lambda d: _divergence(d, _rsi(d)), EXACT),
    "macd_divergence": (lambda d: _divergence(d, ta.trend.MACD(d["close"]).macd()), EXACT),
}

# Joined from other series: the other series' own columns are their second opinion.
JOINED = {f"{kind}_{timeframe}" for kind in ("trend", "rsi", "volume_ratio") for timeframe in ("4h", "1d")}


def test_every_column_has_a_second_opinion() -> None:
    assert REFERENCES.keys() | JOINED == set(NAMES)


@pytest.fixture(scope="module", params=["walk", "crash of May 2021"])
def market(request: pytest.FixtureRequest) -> tuple[Candles, Frame]:
    if request.param == "walk":
        candles = walk(1600, "1h", seed=5)
    elif DATA.is_dir():
        candles = recorded("BTC-USDT", "1h", "2021-03-20", "2021-06-10")
    else:
        pytest.skip(f"recorded candles are not at {DATA}")
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    return candles, pd.DataFrame({**columns, "bar": candles.open_ms // candles.step_ms})


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_a_column_agrees_with_its_second_opinion(name: str, market: tuple[Candles, Frame]) -> None:
    candles, frame = market
    reference, tolerance = REFERENCES[name]
    ours = compute(candles).column(name)[700:]
    other = reference(frame).to_numpy()[700:]
    scale: FloatArray = {
        "price": candles.close[700:],
        "base": pd.Series(candles.volume).rolling(200).sum().to_numpy()[700:],
    }.get(UNITS[name], np.ones(len(ours)))
    assert np.max(np.abs(ours - other) / scale) <= tolerance
