"""Rules between settings: values that are each fine alone and make no sense together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from bot.domain.timeframes import timeframe_ms
from bot.settings.declarations import Settings
from bot.settings.ladder import MAX_LADDER, parse_ladder

DAY_S = 86_400
SHARE_TOLERANCE = 1e-9
"""Shares are typed in decimals; their sum in binary misses 1 by less than this."""


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
    if timeframe_ms(market.protection_timeframe) > decision:
        yield Clash(
            ("market.protection_timeframe", "market.timeframe"),
            f"market.protection_timeframe = {market.protection_timeframe!r} is coarser than "
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
    rungs = parse_ladder(risk.take_profit_ladder)
    target, name = (rungs[-1][1], "take_profit_ladder") if rungs else (risk.take_profit_frac, "take_profit_frac")
    if activation >= target:
        yield Clash(
            ("risk.trailing_activation_frac", f"risk.{name}"),
            f"risk.trailing_activation_frac = {activation:g} is not below risk.{name} = "
            f"{target:g}: the target would end every trade before the stop begins to trail",
            "lower the activation or raise the target",
        )
    if (1 + activation) * (1 - distance) <= 1 - risk.stop_loss_frac:
        yield Clash(
            ("risk.trailing_distance_frac", "risk.trailing_activation_frac", "risk.stop_loss_frac"),
            f"risk.trailing_distance_frac = {distance:g} puts the trailing stop below the first one "
            f"(risk.stop_loss_frac = {risk.stop_loss_frac:g}) when it begins",
            "lower the distance",
        )


def _ladder_sells_all(settings: Settings) -> Iterator[Clash]:
    name = "risk.take_profit_ladder"
    rungs = parse_ladder(settings.risk.take_profit_ladder)
    shares, gains = [share for share, _ in rungs], [gain for _, gain in rungs]
    if len(rungs) > MAX_LADDER:
        yield Clash((name,), f"{name} has {len(rungs)} rungs", f"leave at most {MAX_LADDER}")
    if any(later <= earlier for earlier, later in pairwise([0.0, *gains])):
        yield Clash(
            (name,),
            f"{name} has gains of {_listed(gains)}, which do not rise from above 0",
            "put each rung above the one before, like 0.5@0.025,0.3@0.06,0.2@0.12",
        )
    if not all(shares) or (rungs and abs(sum(shares) - 1.0) > SHARE_TOLERANCE):
        yield Clash(
            (name,),
            f"{name} sells shares of {_listed(shares)}, {sum(shares):g} together",
            "give each rung a share above 0, all of them adding up to 1",
        )


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


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
    if risk.risk_per_trade_frac > risk.max_portfolio_risk_frac:
        yield Clash(
            ("risk.risk_per_trade_frac", "risk.max_portfolio_risk_frac"),
            f"risk.risk_per_trade_frac = {risk.risk_per_trade_frac:g} is above "
            f"risk.max_portfolio_risk_frac = {risk.max_portfolio_risk_frac:g}",
            "one trade cannot risk more than all together",
        )
    if risk.max_drawdown_frac >= risk.max_total_drawdown_frac:
        yield Clash(
            ("risk.max_drawdown_frac", "risk.max_total_drawdown_frac"),
            f"risk.max_drawdown_frac = {risk.max_drawdown_frac:g} is not below "
            f"risk.max_total_drawdown_frac = {risk.max_total_drawdown_frac:g}",
            "let the pause come before the breaker that only a person lifts",
        )
    if risk.cooldown_s > risk.max_cooldown_s:
        yield Clash(
            ("risk.max_cooldown_s", "risk.cooldown_s"),
            f"risk.max_cooldown_s = {risk.max_cooldown_s:g} is below risk.cooldown_s = {risk.cooldown_s:g}",
            "the longest cooldown cannot be shorter than the first one",
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
    _ladder_sells_all,
    _limits_in_order,
    _somebody_votes,
    _capital_grows,
)
