"""Technical features: candles in, a float64 table out. Causal and start-up stable."""

from bot.features.compute import WARMUP, compute
from bot.features.names import NAMES
from bot.features.table import FeatureTable

__all__ = ["NAMES", "WARMUP", "FeatureTable", "compute"]
