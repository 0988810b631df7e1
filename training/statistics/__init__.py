"""What a backtest proves and what it does not: figures from arrays, without files, clock or hidden chance.

    metrics        what it came to: the thirteen figures, and buy-and-hold beside
    deflated       a Sharpe ratio against the number of settings that were tried
    overfitting    how often the best setting of one half is below the middle in the other
    chance         order of trades, random entries, interval of the Sharpe ratio
    walkforward    stretches to fit on and stretches to judge on
    stability      top tables of a sweep, and whether a good setting has good neighbours
    crosscheck     the same fills through vectorbt's own simulation

Times are UTC milliseconds, fractions are fractions and not percent, money is quote
currency. What draws numbers takes a seed, and gives the same answer for the same seed.
"""
