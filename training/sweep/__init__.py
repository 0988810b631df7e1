"""Many backtests of one market: which settings are best, and how much of that is luck.

axes       what is varied, from the command line's --set
searches   which settings are tried: a grid, a draw, or Optuna's
bench      the market, built once, and what tries one setting on it
crews      who works: this machine's cores, or Ray
results    what was tried, on disk after every trial
judging    top table, heat map, overfitting, walk-forward
words      the report on a terminal, English and French
page       the report as one HTML file
run        all of it
"""
