"""How large an entry should be, before any limit speaks."""

from __future__ import annotations

FIXED_FRACTION = 0
KELLY = 1
ATR = 2

SIZINGS = ("fixed_fraction", "kelly", "atr")
"""Names of the codes, as the setting `risk.sizing` has them."""

PSEUDO_TRADES = 30.0
"""Trades without an edge that are added to those seen: a rate of few trades says little."""


def fixed_fraction_size(equity: float, risk_frac: float, entry_price: float, stop_price: float) -> float:
    """Size whose loss at the stop is risk_frac of equity.

    equity, prices: quote currency.  Returns base units; 0.0 where the stop is not
    below the entry, since such a stop bounds no loss.  Fees and slippage come on
    top of the risk; the position cap bounds them.
    """
    distance = entry_price - stop_price
    if distance <= 0.0 or equity <= 0.0:
        return 0.0
    return equity * risk_frac / distance


def atr_size(
    equity: float, risk_frac: float, entry_price: float, stop_price: float, atr: float, multiple: float
) -> float:
    """Size that loses risk_frac of equity at the stop or at `multiple` average ranges below, whichever is farther.

    atr: average true range, quote currency, nan unknown.  A near stop in a wild market is
    jumped over; the size is that of the distance that the price really moves.
    """
    reach = entry_price - multiple * atr
    return fixed_fraction_size(equity, risk_frac, entry_price, min(stop_price, reach) if reach == reach else stop_price)


def shrunk_win_rate(wins: int, losses: int, mean_win: float, mean_loss: float) -> float:
    """Share of trades won, drawn toward the share at which nothing is earned by PSEUDO_TRADES trades.

    mean_win, mean_loss: net return per entry cost, both above 0.
    """
    break_even = mean_loss / (mean_win + mean_loss)
    return (wins + PSEUDO_TRADES * break_even) / (wins + losses + PSEUDO_TRADES)


def kelly_risk(
    wins: int, losses: int, mean_win: float, mean_loss: float, volatility: float,
    min_trades: int, share: float, risk_frac: float,
) -> float:  # fmt: skip
    """Fraction of equity to risk at the stop by Kelly's formula (plan v2, 5.2), never more than risk_frac.

    f = p - (1 - p) * mean_loss / mean_win, with p of shrunk_win_rate; of that `share`
    (0.25: quarter Kelly), less in a volatile market: times 1 / (1 + volatility).

    wins, losses: closed trades, by their sign net of fees.  volatility: average true range
    per price, nan unknown.  risk_frac itself where fewer than min_trades closed, and where
    the formula finds no edge.
    """
    if wins + losses < min_trades or not (mean_win > 0.0 and mean_loss > 0.0):
        return risk_frac
    rate = shrunk_win_rate(wins, losses, mean_win, mean_loss)
    edge = rate - (1.0 - rate) * mean_loss / mean_win
    if not edge > 0.0:
        return risk_frac
    calm = 1.0 / (1.0 + volatility) if volatility > 0.0 else 1.0
    return min(edge * share * calm, risk_frac)


def pyramid_share(adds: int, scale: float) -> float:
    """What the first entry may take of the whole, so that `adds` more, each `scale` of the one before, fit in."""
    whole, part = 1.0, 1.0
    for _ in range(adds):
        part *= scale
        whole += part
    return 1.0 / whole


def pyramid_next(held: float, last: float, adds: int, scale: float) -> float:
    """Size of the next add, base units: `scale` of the last purchase, of which `held` holds the first and `adds` more.

    last: its size, nan unknown. What is held says how large it was planned: where a limit has cut
    it short, or a part has been sold since, the smaller of the two counts.
    """
    whole, part = 1.0, 1.0
    for _ in range(adds):
        part *= scale
        whole += part
    planned = held * part / whole
    return (last if last < planned else planned) * scale
