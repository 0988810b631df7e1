"""Technical features: candles in, a float64 table out. Causal and start-up stable."""

from bot.features.columns import ABOUT, NAMES, UNITS, WARMUP
from bot.features.compute import compute
from bot.features.table import FeatureTable

__all__ = ["ABOUT", "NAMES", "UNITS", "WARMUP", "FeatureTable", "compute"]
