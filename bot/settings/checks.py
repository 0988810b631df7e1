"""Rules between settings: values that are each fine alone and make no sense together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from bot.domain.timeframes import timeframe_ms
from bot.settings.declarations import Settings

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Clash:
    """fields: the settings that do not go together, the one to blame first."""

    fields: tuple[str, ...]
    message: str
    fix: str


def clashes(settings: Settings) -> list[Clash]:
    """Everything that does not go together, in the order of the checks."""
    return [clash for check in CHECKS for clash in check(settings)]


def _one_quote(settings: Settings) -> Iterator[Clash]:
    market = settings.market
    if not market.symbols:
        yield Clash(("market.symbols",), "market.symbols is empty", "name at least one pair, like BTC/EUR")
    others = [symbol for symbol in market.symbols if symbol.split("/")[1] != market.quote]
    if others:
        yield Clash(
            ("market.symbols", "market.quote"),
            f"market.symbols has {', '.join(others)}, not quoted in market.quote = {market.quote!r}",
            "give all pairs one quote currency, and market.quote the same",
        )


def _timeframes_in_order(settings: Settings) -> Iterator[Clash]:
    market = settings.market
    decision = timeframe_ms(market.timeframe)
    finer = [name for name in market.context_timeframes if timeframe_ms(name) <= decision]
    if finer:
        yield Clash(
            ("market.context_timeframes", "market.timeframe"),
            f"market.context_timeframes has {', '.join(finer)}, not coarser than "
            f"market.timeframe = {market.timeframe!r}",
            "leave only coarser ones",
        )
    if timeframe_ms(market.protection_timeframe) >= decision:
        yield Clash(
            ("market.protection_timeframe", "market.timeframe"),
            f"market.protection_timeframe = {market.protection_timeframe!r} is not finer than "
            f"market.timeframe = {market.timeframe!r}",
            "choose a finer protection timeframe or a coarser decision timeframe",
        )


def _slots_fill_a_day(settings: Settings) -> Iterator[Clash]:
    slot_s = settings.market.slot_s
    if DAY_S % slot_s:
        yield Clash(
            ("market.slot_s",),
            f"market.slot_s = {slot_s} does not divide a day",
            "choose 60, 300, 900 or another divisor",
        )


def _trailing_can_work(settings: Settings) -> Iterator[Clash]:
    risk = settings.risk
    activation, distance = risk.trailing_activation_frac, risk.trailing_distance_frac
    if activation >= risk.take_profit_frac:
        yield Clash(
            ("risk.trailing_activation_frac", "risk.take_profit_frac"),
            f"risk.trailing_activation_frac = {activation:g} is not below risk.take_profit_frac = "
            f"{risk.take_profit_frac:g}: the target would end every trade before the stop begins to trail",
            "lower the activation or raise the target",
        )
    if (1 + activation) * (1 - distance) <= 1 - risk.stop_loss_frac:
        yield Clash(
            ("risk.trailing_distance_frac", "risk.trailing_activation_frac", "risk.stop_loss_frac"),
            f"risk.trailing_distance_frac = {distance:g} puts the trailing stop below the first one "
            f"(risk.stop_loss_frac = {risk.stop_loss_frac:g}) when it begins",
            "lower the distance",
        )


def _limits_in_order(settings: Settings) -> Iterator[Clash]:
    risk = settings.risk
    if risk.max_open_positions_live > risk.max_open_positions:
        yield Clash(
            ("risk.max_open_positions_live", "risk.max_open_positions"),
            f"risk.max_open_positions_live = {risk.max_open_positions_live} is above "
            f"risk.max_open_positions = {risk.max_open_positions}",
            "allow no more positions live than on paper",
        )
    if risk.max_position_frac > risk.max_long_exposure_frac:
        yield Clash(
            ("risk.max_position_frac", "risk.max_long_exposure_frac"),
            f"risk.max_position_frac = {risk.max_position_frac:g} is above "
            f"risk.max_long_exposure_frac = {risk.max_long_exposure_frac:g}",
            "one position cannot be more than all together",
        )


def _somebody_votes(settings: Settings) -> Iterator[Clash]:
    if settings.strategies and not any(part.enabled for part in settings.strategies.values()):
        names = tuple(f"strategies.{name}.enabled" for name in settings.strategies)
        yield Clash(names, "every strategy is switched off", "enable at least one under strategies")


def _capital_grows(settings: Settings) -> Iterator[Clash]:
    steps = settings.live.capital_steps
    if not steps or any(later <= earlier for earlier, later in pairwise(steps)):
        yield Clash(
            ("live.capital_steps",),
            "live.capital_steps does not grow from step to step",
            "name at least one amount, each above the one before, like 100,250,500",
        )


CHECKS: tuple[Callable[[Settings], Iterator[Clash]], ...] = (
    _one_quote,
    _timeframes_in_order,
    _slots_fill_a_day,
    _trailing_can_work,
    _limits_in_order,
    _somebody_votes,
    _capital_grows,
)
