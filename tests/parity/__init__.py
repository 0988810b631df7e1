"""Full ticks and the compiled backtest, side by side."""
