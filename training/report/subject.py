"""What a page is about: the document, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.report.reading import Curve, Document, TradeRow, curve, items, mapping, moment_ms, number, text, trades
from training.report.speech import Speech, speech

DAY_S = 86_400
HOUR_S = 3600
# Spans of time may come with their unit behind their name; the plain names are those of training/statistics.
SECONDS: Mapping[str, float] = {"_s": 1, "_ms": 0.001, "_min": 60, "_h": HOUR_S, "_days": DAY_S, "_d": DAY_S}
PLAIN_SECONDS: Mapping[str, float] = {"max_drawdown_duration": DAY_S, "avg_trade_duration": HOUR_S}


@dataclass(frozen=True, slots=True)
class Subject:
    """document: as the backtest wrote it.  trades: by entry.  The curves are empty where the document has none."""

    document: Document
    speech: Speech
    trades: tuple[TradeRow, ...]
    equity: Curve
    hold: Curve
    exposure: Curve

    @property
    def closed(self) -> tuple[TradeRow, ...]:
        return tuple(trade for trade in self.trades if trade.exit_ms is not None)

    @property
    def metrics(self) -> Mapping[str, Any]:
        return mapping(self.document.get("metrics"))

    @property
    def symbols(self) -> tuple[str, ...]:
        """As the document lists them, then any other that was traded or has candles."""
        named = [text(name) for name in items(self.document.get("symbols"))]
        traded = [trade.symbol for trade in self.trades]
        return tuple(dict.fromkeys([*named, *(str(name) for name in self.candles), *traded]))

    @property
    def candles(self) -> Mapping[str, Any]:
        return mapping(self.document.get("candles"))

    def metric(self, name: str) -> float | None:
        """A figure as the document has it; spans of time in seconds."""
        plain = PLAIN_SECONDS.get(name)
        found = number(self.metrics.get(name))
        if plain is None:
            return found
        if found is not None:
            return found * plain
        units = ((number(self.metrics.get(name + suffix)), seconds) for suffix, seconds in SECONDS.items())
        return next((span * seconds for span, seconds in units if span is not None), None)

    @property
    def start(self) -> float | None:
        """Equity at the start, quote currency."""
        given = number(self.document.get("equity_start"))
        return given if given is not None or not len(self.equity) else float(self.equity.value[0])

    @property
    def end(self) -> float | None:
        given = number(self.document.get("equity_end"))
        return given if given is not None or not len(self.equity) else float(self.equity.value[-1])

    @property
    def gained(self) -> float | None:
        """Return of the whole period, a fraction."""
        given = self.metric("total_return")
        if given is not None or self.start is None or self.end is None or self.start <= 0:
            return given
        return self.end / self.start - 1

    @property
    def hold_gained(self) -> float | None:
        """Return of buying and holding, a fraction."""
        given = self.metric("buy_and_hold_return")
        if given is not None or len(self.hold) < 2 or self.hold.value[0] <= 0:
            return given
        return float(self.hold.value[-1] / self.hold.value[0]) - 1

    @property
    def period(self) -> tuple[int | None, int | None]:
        """First and last moment, ms."""
        given = mapping(self.document.get("period"))
        first, last = moment_ms(given.get("from")), moment_ms(given.get("to"))
        if len(self.equity):
            first = int(self.equity.ms[0]) if first is None else first
            last = int(self.equity.ms[-1]) if last is None else last
        return first, last

    @property
    def closed_count(self) -> int:
        told = self.metric("total_trades")
        return len(self.closed) if told is None else round(told)


def subject(document: Document, language: str) -> Subject:
    return Subject(
        document=document,
        speech=speech(language, text(document.get("quote"))),
        trades=trades(document),
        equity=curve(document.get("equity")),
        hold=curve(document.get("buy_and_hold")),
        exposure=curve(document.get("exposure")),
    )


def probability(value: object, *names: str) -> float | None:
    """A number that stands alone or under one of these names."""
    if isinstance(value, Mapping):
        return next((found for name in names if (found := number(value.get(name))) is not None), None)
    return number(value)


def deflated_sharpe(document: Document) -> float | None:
    return probability(document.get("deflated_sharpe"), "probability", "deflated_sharpe", "value")


def chance_p_value(document: Document) -> float | None:
    return probability(document.get("random_entries"), "p_value", "value")


def overfitting(document: Document) -> float | None:
    return probability(document.get("overfitting"), "pbo", "value")
