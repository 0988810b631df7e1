"""Settings, as people write them, to the plain numbers that the rulebook goes by."""

from __future__ import annotations

from bot.rulebook.rules import PaperRules, Rules, make_ladder
from bot.rulebook.sizing import SIZINGS
from bot.settings import Settings
from bot.settings.ladder import parse_ladder


def rules_of(settings: Settings, mode: str, capital: float = float("inf")) -> Rules:
    """The rulebook's numbers. mode: "paper" or "live" (fewer positions at once).

    capital: of a live bot, quote currency. Real money begins with so little that the
    largest trade is hardly the smallest one: there the smallest is half of the largest. The
    venue's own minimum is asked for in any case.
    """
    risk = settings.risk
    live = mode == "live"
    smallest = min(risk.min_trade_notional, capital * risk.max_position_frac / 2) if live else risk.min_trade_notional
    return Rules(
        risk_per_trade_frac=risk.risk_per_trade_frac,
        max_position_frac=risk.max_position_frac,
        min_trade_notional=smallest,
        stop_loss_frac=risk.stop_loss_frac,
        take_profit_frac=risk.take_profit_frac,
        take_profit_ladder=make_ladder(parse_ladder(risk.take_profit_ladder)),
        trailing_activation_frac=risk.trailing_activation_frac,
        trailing_distance_frac=risk.trailing_distance_frac,
        breakeven=risk.breakeven,
        cooldown_ms=round(risk.cooldown_s * 1000),
        max_open_positions=risk.max_open_positions_live if live else risk.max_open_positions,
        max_long_exposure_frac=risk.max_long_exposure_frac,
        min_confidence=risk.min_confidence,
        max_daily_loss_frac=risk.max_daily_loss_frac,
        max_spread_frac=risk.max_spread_frac,
        entry_limit_frac=settings.paper.entry_limit_frac,
        signal_max_age_bars=settings.market.signal_max_age_bars,
        slot_ms=settings.market.slot_s * 1000,
        sizing=SIZINGS.index(risk.sizing),
        kelly_fraction=risk.kelly_fraction,
        kelly_min_trades=risk.kelly_min_trades,
        atr_multiple=risk.atr_multiple,
        max_portfolio_risk_frac=risk.max_portfolio_risk_frac,
        max_daily_trades=risk.max_daily_trades,
        max_consecutive_losses=risk.max_consecutive_losses,
        max_drawdown_frac=risk.max_drawdown_frac,
        drawdown_pause_ms=round(risk.drawdown_pause_s * 1000),
        max_total_drawdown_frac=risk.max_total_drawdown_frac,
        max_correlation=risk.max_correlation,
        max_correlated=risk.max_correlated,
        high_volatility_ratio=risk.high_volatility_ratio,
        high_volatility_scale=risk.high_volatility_scale,
        pyramid_adds=risk.pyramid_adds,
        pyramid_scale=risk.pyramid_scale,
        pyramid_gain_frac=risk.pyramid_gain_frac,
        loss_cooldown_factor=risk.loss_cooldown_factor,
        max_cooldown_ms=round(risk.max_cooldown_s * 1000),
    )


def paper_rules(settings: Settings) -> PaperRules:
    """How the paper venue fills."""
    paper = settings.paper
    return PaperRules(paper.slippage_frac, paper.participation_frac, round(paper.entry_ttl_s * 1000))
