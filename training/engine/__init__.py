"""The backtest: the rulebook's own functions, compiled, in one loop over years of ticks."""
