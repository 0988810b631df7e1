"""How large an entry should be, before any limit speaks."""

from __future__ import annotations


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
