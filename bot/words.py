"""Sentences for people, in English and French: reasons of the rulebook, words of reports.

A sentence has placeholders, `{name:kind}`. The names are those of VALUES, the
values come with the Reason, the kind says how the number reads:

    percent   0.025     2.5%          2,5 %
    money     1234.5    1,234.50 EUR  1 234,50 EUR   (the currency where it is known)
    price     52341.2   52,341.2      52 341,2
    size      0.00125   0.00125       0,00125
    count     30        30            30
    number    1.25      1.25          1,25
    minutes   75        1 h 15 min    1 h 15 min
    text      BTC/EUR   BTC/EUR       BTC/EUR

A value that is missing reads "?", one that is not a number "unknown". A rule
without a sentence is told by its name and its values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.decisions import Reason

LANGUAGES = ("en", "fr")

VALUES: Mapping[str, str] = {
    "age": "how old the signal was, in decision candles",
    "cap": "the limit that shrank an entry: a fraction of equity or of a size, free cash, or a distance in price",
    "confidence": "of the signal, 0 to 1",
    "count": "how many there are",
    "drawdown": "how far equity is below its peak, fraction of it",
    "detail": "the venue's or the check's own words",
    "gain": "over the entry price, fraction",
    "held": "base units, before the sale",
    "limit": "the limit that was reached, in the unit of its rule",
    "loss": "of the day so far, fraction of its opening equity",
    "minimum": "the least that would have been enough, in the unit of its rule",
    "price": "quote currency: at which it happened; for a trailing stop the highest since the entry",
    "rungs": "of the take-profit ladder, counted from the lowest: one, or the first and the last",
    "size": "base units, after the limits",
    "spread": "between bid and ask, fraction of the middle",
    "stop": "price of the stop, quote currency",
    "symbol": "the pair",
    "target": "price of the target, quote currency",
    "until": "how long it still lasts, in minutes",
    "wanted": "base units, before the limits",
    "worth": "quote currency: size times price, made from those two",
}

SENTENCES: Mapping[str, Mapping[str, str]] = {
    # Entering, and what an entry was shrunk by. "rule.effect" speaks where an effect needs its own sentence.
    "entered": {
        "en": "signal with {confidence:percent} confidence: buys {size:size} at {price:price}, worth {worth:money}, "
        "stop {stop:price}, target {target:price}",
        "fr": "signal à {confidence:percent} de confiance : achète {size:size} à {price:price}, soit {worth:money}, "
        "stop {stop:price}, objectif {target:price}",
    },
    "added": {
        "en": "signal with {confidence:percent} confidence adds to a winner: buys {size:size} at {price:price}, "
        "worth {worth:money}, stop {stop:price}",
        "fr": "signal à {confidence:percent} de confiance, renforce un gagnant : achète {size:size} à {price:price}, "
        "soit {worth:money}, stop {stop:price}",
    },
    "kelly": {
        "en": "the trades so far are worth a risk of {cap:percent} of equity (Kelly): {size:size} instead of "
        "{wanted:size}",
        "fr": "les trades passés justifient un risque de {cap:percent} du capital (Kelly) : {size:size} au lieu de "
        "{wanted:size}",
    },
    "kelly.block": {
        "en": "the position already risks the {limit:percent} of equity that the trades so far are worth (Kelly)",
        "fr": "la position risque déjà les {limit:percent} du capital que justifient les trades passés (Kelly)",
    },
    "atr": {
        "en": "the price may fall {cap:price} in its usual range, beyond the stop: {size:size} instead of "
        "{wanted:size}",
        "fr": "le prix peut baisser de {cap:price} dans son amplitude habituelle, au-delà du stop : {size:size} "
        "au lieu de {wanted:size}",
    },
    "atr.block": {
        "en": "the position is already as large as a fall of {limit:price} allows, the price's usual range",
        "fr": "la position est déjà aussi grande que le permet une baisse de {limit:price}, l'amplitude habituelle",
    },
    "pyramiding": {
        "en": "a position is built in shrinking steps: {size:size} instead of {wanted:size}",
        "fr": "une position se construit par étapes décroissantes : {size:size} au lieu de {wanted:size}",
    },
    "pyramiding.block": {"en": "nothing is held that could be added to", "fr": "rien n'est détenu à renforcer"},
    "pyramid_adds": {
        "en": "the position has had its {limit:count} adds",
        "fr": "la position a déjà eu ses {limit:count} renforcements",
    },
    "pyramid_gain": {
        "en": "a winner is added to above {limit:price}, and the price is not there",
        "fr": "un gagnant se renforce au-dessus de {limit:price}, et le prix n'y est pas",
    },
    "high_volatility": {
        "en": "the price swings more than usual, so {cap:percent} of the size: {size:size} instead of {wanted:size}",
        "fr": "le prix oscille plus que d'habitude, donc {cap:percent} de la taille : {size:size} au lieu de "
        "{wanted:size}",
    },
    "portfolio_risk": {
        "en": "all stops together may lose at most {cap:percent} of equity: {size:size} instead of {wanted:size}",
        "fr": "l'ensemble des stops ne perd pas plus de {cap:percent} du capital : {size:size} au lieu de "
        "{wanted:size}",
    },
    "portfolio_risk.block": {
        "en": "all stops together may already lose {limit:percent} of equity",
        "fr": "l'ensemble des stops peut déjà perdre {limit:percent} du capital",
    },
    "correlation": {
        "en": "{limit:count} positions that move like this pair are open already, the most allowed",
        "fr": "{limit:count} positions qui évoluent comme cette paire sont déjà ouvertes, le maximum permis",
    },
    "position_cap": {
        "en": "one position may be at most {cap:percent} of equity: {size:size} instead of {wanted:size}",
        "fr": "une position ne dépasse pas {cap:percent} du capital : {size:size} au lieu de {wanted:size}",
    },
    "position_cap.block": {
        "en": "the position already reaches {limit:percent} of equity",
        "fr": "la position atteint déjà {limit:percent} du capital",
    },
    "exposure": {
        "en": "all positions together may be at most {cap:percent} of equity: {size:size} instead of {wanted:size}",
        "fr": "l'ensemble des positions ne dépasse pas {cap:percent} du capital : {size:size} au lieu de {wanted:size}",
    },
    "exposure.block": {
        "en": "all positions together already reach {limit:percent} of equity",
        "fr": "l'ensemble des positions atteint déjà {limit:percent} du capital",
    },
    "cash": {
        "en": "free cash of {cap:money} pays for {size:size} instead of {wanted:size}",
        "fr": "les liquidités libres de {cap:money} permettent {size:size} au lieu de {wanted:size}",
    },
    "cash.block": {"en": "no free cash left", "fr": "plus de liquidités libres"},
    "strategy_size": {
        "en": "the strategy takes {cap:percent} of the usual risk: {size:size} instead of {wanted:size}",
        "fr": "la stratégie prend {cap:percent} du risque habituel : {size:size} au lieu de {wanted:size}",
    },
    "risk_per_trade": {
        "en": "no size keeps the loss at the stop within {limit:percent} of equity",
        "fr": "aucune taille ne limite la perte au stop à {limit:percent} du capital",
    },
    "risk_per_trade.shrink": {
        "en": "a trade may risk {cap:percent} of equity: {size:size} instead of {wanted:size}",
        "fr": "un trade ne risque pas plus de {cap:percent} du capital : {size:size} au lieu de {wanted:size}",
    },
    "min_trade": {
        "en": "what may be bought is worth less than the smallest trade of {limit:money}",
        "fr": "ce qui peut être acheté vaut moins que le trade minimal de {limit:money}",
    },
    "dust": {
        "en": "so small a position could not be sold again: the exchange takes nothing below {limit:money}",
        "fr": "une position si petite ne pourrait pas être revendue : la plateforme refuse moins de {limit:money}",
    },
    "unsellable": {
        "en": "the exchange now sells no less than {minimum:size}: the {size:size} held stay behind their stop",
        "fr": "la plateforme ne vend plus moins de {minimum:size} : les {size:size} restent derrière leur stop",
    },
    # Why there is no entry.
    "min_confidence": {
        "en": "confidence of {confidence:percent} is below the minimum of {minimum:percent}",
        "fr": "confiance de {confidence:percent}, sous le minimum de {minimum:percent}",
    },
    "max_open_positions": {
        "en": "{limit:count} positions are open already, the most allowed",
        "fr": "{limit:count} positions sont déjà ouvertes, le maximum permis",
    },
    "cooldown": {
        "en": "after the last trade in this symbol no entry for another {until:minutes}",
        "fr": "après le dernier trade sur cette paire, pas d'entrée avant {until:minutes}",
    },
    "daily_loss": {
        "en": "the day's loss of {loss:percent} reached the limit of {limit:percent}: no entries until tomorrow (UTC)",
        "fr": "la perte du jour de {loss:percent} atteint la limite de {limit:percent} : "
        "pas d'entrée avant demain (UTC)",
    },
    "daily_trades": {
        "en": "{count:count} trades began today, the limit is {limit:count}: no entries until tomorrow (UTC)",
        "fr": "{count:count} trades ont commencé aujourd'hui, la limite est de {limit:count} : pas d'entrée avant "
        "demain (UTC)",
    },
    "consecutive_losses": {
        "en": "{count:count} losses in a row today reached the limit of {limit:count}: no entries until tomorrow (UTC)",
        "fr": "{count:count} pertes de suite aujourd'hui atteignent la limite de {limit:count} : pas d'entrée avant "
        "demain (UTC)",
    },
    "drawdown_pause": {
        "en": "equity, now {drawdown:percent} below its peak, fell to the limit of {limit:percent}: no entries for "
        "another {until:minutes}",
        "fr": "le capital, à {drawdown:percent} sous son plus haut, est tombé à la limite de {limit:percent} : pas "
        "d'entrée avant {until:minutes}",
    },
    "global_breaker": {
        "en": "equity, now {drawdown:percent} below its peak, fell to the breaker at {limit:percent}: no entries until "
        "somebody lifts it: resume --lift-breaker",
        "fr": "le capital, à {drawdown:percent} sous son plus haut, est tombé au coupe-circuit de {limit:percent} : "
        "pas d'entrée avant qu'on le lève : resume --lift-breaker",
    },
    "spread": {
        "en": "spread of {spread:percent} is wider than {limit:percent}",
        "fr": "écart achat-vente de {spread:percent}, au-delà de {limit:percent}",
    },
    "no_signal": {
        "en": "the strategies see no clear direction",
        "fr": "les stratégies ne voient pas de direction nette",
    },
    "no_position": {
        "en": "the signal says sell, and there is nothing to sell",
        "fr": "le signal dit de vendre, et il n'y a rien à vendre",
    },
    "late_signal": {
        "en": "the signal is {age:number} candles old, more than {limit:number}: too late to enter",
        "fr": "le signal date de {age:number} bougies, plus de {limit:number} : trop tard pour entrer",
    },
    "pending_entry": {
        "en": "an entry in {symbol:text} is waiting to be filled",
        "fr": "une entrée sur {symbol:text} attend d'être exécutée",
    },
    "older_bar": {
        "en": "a newer candle has closed since; only the newest can be acted on",
        "fr": "une bougie plus récente a clôturé depuis ; seule la dernière compte",
    },
    # Holding and leaving.
    "already_holding": {
        "en": "holds {size:size}, bought at {price:price}",
        "fr": "détient {size:size}, acheté à {price:price}",
    },
    "hold": {"en": "nothing to change", "fr": "rien à changer"},
    "stop_loss": {
        "en": "the price of {price:price} fell to the stop at {stop:price}",
        "fr": "le prix de {price:price} est tombé au stop à {stop:price}",
    },
    "stop_loss.protect": {
        "en": "the stop is placed at {stop:price} for the whole position",
        "fr": "le stop est placé à {stop:price} pour toute la position",
    },
    "take_profit": {
        "en": "the price of {price:price} reached the target of {target:price}",
        "fr": "le prix de {price:price} a atteint l'objectif de {target:price}",
    },
    "take_profit_ladder": {
        "en": "the price of {price:price} reached rung {rungs:text} of {count:count}, {gain:percent} above the entry: "
        "{size:size} of {held:size} are sold",
        "fr": "le prix de {price:price} a atteint le palier {rungs:text} sur {count:count}, {gain:percent} au-dessus "
        "de l'entrée : {size:size} sur {held:size} sont vendus",
    },
    "trailing_stop": {
        "en": "the price of {price:price} fell to the trailing stop at {stop:price}",
        "fr": "le prix de {price:price} est tombé au stop suiveur à {stop:price}",
    },
    "trailing_stop.protect": {
        "en": "the stop follows the high of {price:price} up to {stop:price}",
        "fr": "le stop suit le plus haut de {price:price} jusqu'à {stop:price}",
    },
    "breakeven": {
        "en": "the stop moves up to {stop:price}: entry and fees are covered",
        "fr": "le stop monte à {stop:price} : l'entrée et les frais sont couverts",
    },
    "sell_signal": {
        "en": "the signal turned to sell with {confidence:percent} confidence",
        "fr": "le signal est passé à la vente avec {confidence:percent} de confiance",
    },
    "closed_by_person": {
        "en": "somebody asked to close {symbol:text}",
        "fr": "quelqu'un a demandé de fermer {symbol:text}",
    },
    # The bot, the venue and the data.
    "paused": {
        "en": "the bot is paused: stops and exits run, entries wait",
        "fr": "le bot est en pause : stops et sorties actifs, entrées en attente",
    },
    "halted": {
        "en": "entries are halted until somebody resumes the bot",
        "fr": "les entrées sont arrêtées jusqu'à la reprise du bot",
    },
    "killed": {
        "en": "the kill switch is on: nothing is ordered at all, resting stops stay where they are",
        "fr": "l'arrêt d'urgence est actif : plus aucun ordre, les stops déjà placés restent en place",
    },
    "live_off": {
        "en": "TRADING_MODE is not live: this bot is left alone, behind the stops that rest at the exchange",
        "fr": "TRADING_MODE n'est pas live : ce bot n'est pas touché, derrière les stops placés sur la plateforme",
    },
    "venue_unseen": {
        "en": "the account at the exchange could not be read: nothing is ordered until it can",
        "fr": "le compte sur la plateforme n'a pas pu être lu : aucun ordre tant qu'il ne peut pas l'être",
    },
    "ledger_drift": {
        "en": "the account does not hold what our books say: stops and exits run, entries wait",
        "fr": "le compte ne contient pas ce que disent nos livres : stops et sorties actifs, entrées en attente",
    },
    "unsettled": {
        "en": "it is not yet known what became of every order: stops and exits run, entries wait",
        "fr": "le sort de chaque ordre n'est pas encore connu : stops et sorties actifs, entrées en attente",
    },
    "backup_data": {
        "en": "the prices are another exchange's, since our own cannot be reached: stops and exits run, entries wait",
        "fr": "les prix viennent d'une autre plateforme, la nôtre étant injoignable : stops et sorties actifs, "
        "entrées en attente",
    },
    "rebuilt": {
        "en": "the books were taken over from the exchange while this candle was the newest",
        "fr": "les livres ont été repris de la plateforme quand cette bougie était la plus récente",
    },
    "venue_status": {
        "en": "the exchange is not fully open: stops and exits run, entries wait",
        "fr": "la plateforme n'est pas entièrement ouverte : stops et sorties actifs, entrées en attente",
    },
    "in_doubt": {
        "en": "an order in {symbol:text} got no clear answer; nothing else is placed there until it is found",
        "fr": "un ordre sur {symbol:text} est sans réponse nette ; rien d'autre n'y est placé avant de le retrouver",
    },
    "stale": {
        "en": "the newest candle of {symbol:text} is too old",
        "fr": "la dernière bougie de {symbol:text} est trop ancienne",
    },
    "bad_candles": {
        "en": "the candles of {symbol:text} are faulty and were refused",
        "fr": "les bougies de {symbol:text} sont fautives et ont été refusées",
    },
    "unreachable": {
        "en": "the exchange did not answer for {symbol:text}",
        "fr": "la plateforme n'a pas répondu pour {symbol:text}",
    },
    "unknown_symbol": {
        "en": "the exchange does not know {symbol:text}",
        "fr": "la plateforme ne connaît pas {symbol:text}",
    },
    "not_tradable": {
        "en": "{symbol:text} cannot be traded at the exchange now",
        "fr": "{symbol:text} n'est pas négociable sur la plateforme en ce moment",
    },
    "no_quote": {
        "en": "the exchange gives no price for {symbol:text} now",
        "fr": "la plateforme ne donne pas de prix pour {symbol:text} en ce moment",
    },
    "not_enough_history": {
        "en": "too few candles of {symbol:text} to judge it",
        "fr": "trop peu de bougies de {symbol:text} pour juger",
    },
}

UI: Mapping[str, Mapping[str, str]] = {
    "report": {"en": "Report", "fr": "Rapport"},
    "saw": {"en": "What it saw", "fr": "Ce qu'il a vu"},
    "decided": {"en": "What it decided, and why", "fr": "Ce qu'il a décidé, et pourquoi"},
    "holds": {"en": "What it holds", "fr": "Ce qu'il détient"},
    "next": {"en": "What to do next", "fr": "Et maintenant"},
    "enter": {"en": "Buy", "fr": "Achat"},
    "exit": {"en": "Sell", "fr": "Vente"},
    "hold": {"en": "Hold", "fr": "Conserver"},
    "no_trade": {"en": "No trade", "fr": "Pas de trade"},
    "because": {"en": "because", "fr": "car"},
    "nothing_held": {"en": "No open position", "fr": "Aucune position ouverte"},
    "nothing_decided": {"en": "No candle closed: nothing to decide", "fr": "Aucune bougie clôturée : rien à décider"},
    "no_trades": {"en": "No trades", "fr": "Aucun trade"},
    "bot": {"en": "Bot", "fr": "Bot"},
    "status": {"en": "Status", "fr": "État"},
    "symbol": {"en": "Symbol", "fr": "Paire"},
    "candle": {"en": "Candle", "fr": "Bougie"},
    "signal": {"en": "Signal", "fr": "Signal"},
    "confidence": {"en": "Confidence", "fr": "Confiance"},
    "verdict": {"en": "Verdict", "fr": "Verdict"},
    "reason": {"en": "Reason", "fr": "Raison"},
    "price": {"en": "Price", "fr": "Prix"},
    "entry_price": {"en": "Entry price", "fr": "Prix d'entrée"},
    "exit_price": {"en": "Exit price", "fr": "Prix de sortie"},
    "stop": {"en": "Stop", "fr": "Stop"},
    "target": {"en": "Target", "fr": "Objectif"},
    "quantity": {"en": "Quantity", "fr": "Quantité"},
    "value": {"en": "Value", "fr": "Valeur"},
    "fees": {"en": "Fees", "fr": "Frais"},
    "profit": {"en": "Profit", "fr": "Gain"},
    "cash": {"en": "Cash", "fr": "Liquidités"},
    "equity": {"en": "Equity", "fr": "Capital"},
    "drawdown": {"en": "Drawdown", "fr": "Repli"},
    "exposure": {"en": "Exposure", "fr": "Exposition"},
    "orders": {"en": "Orders", "fr": "Ordres"},
    "trades": {"en": "Trades", "fr": "Trades"},
    "positions": {"en": "Positions", "fr": "Positions"},
    "last_tick": {"en": "Last tick", "fr": "Dernier tick"},
    "duration": {"en": "Duration", "fr": "Durée"},
    "risk_events": {"en": "Risk events", "fr": "Alertes"},
    "paper": {"en": "PAPER", "fr": "PAPIER"},
    "live": {"en": "LIVE", "fr": "RÉEL"},
    "replay": {"en": "REPLAY", "fr": "REJEU"},
    "unknown": {"en": "unknown", "fr": "inconnu"},
    "none": {"en": "none", "fr": "aucun"},
}


def say(reason: Reason, language: str = "en", quote: str = "") -> str:
    """The reason as a sentence without a full stop.

    language: "en" or "fr", anything else reads English.  quote: currency that
    is written behind money.  Never raises: a missing value or an unknown rule
    still gives something readable.
    """
    values = {name: _Shown(value, language, quote) for name, value in reason.values}
    size, price = values.get("size"), values.get("price")
    if size and price and isinstance(size.value, float | int) and isinstance(price.value, float | int):
        values.setdefault("worth", _Shown(size.value * price.value, language, quote))
    both = SENTENCES.get(f"{reason.rule}.{reason.effect.value}") or SENTENCES.get(reason.rule)
    if both is None:
        return _plain(reason.rule, values)
    return _in(both, language).format_map(_Values(values))


def ui(key: str, language: str = "en") -> str:
    """A word or heading of a report. An unknown key reads as itself."""
    both = UI.get(key)
    return key.replace("_", " ") if both is None else _in(both, language)


def _in(both: Mapping[str, str], language: str) -> str:
    return both.get(language) or both["en"]


def _plain(rule: str, values: Mapping[str, _Shown]) -> str:
    told = ", ".join(f"{name.replace('_', ' ')} {value:number}" for name, value in values.items())
    return rule.replace("_", " ") + (f" ({told})" if told else "")


class _Values(dict[str, "_Shown"]):
    def __missing__(self, name: str) -> _Shown:
        return _Shown("?", "en", "")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A value that formats itself by kind."""

    value: float | str
    language: str
    quote: str

    def __format__(self, kind: str) -> str:
        if isinstance(self.value, str):
            return self.value
        if not math.isfinite(self.value):
            return ui("unknown", self.language)
        return self._number(float(self.value), kind)

    def _number(self, value: float, kind: str) -> str:
        if kind == "percent":
            return self._local(_trimmed(value * 100, 2)) + ("\u00a0%" if self.language == "fr" else "%")
        if kind == "money":
            return self._local(f"{value:,.2f}") + (f" {self.quote}" if self.quote else "")
        if kind == "minutes":
            return _minutes(value)
        if kind == "count":
            return self._local(f"{value:,.0f}")
        return self._local(_trimmed(value, 2 if abs(value) >= 1000 else 8, significant=6))

    def _local(self, text: str) -> str:
        """Decimal comma and no-break space between thousands in French."""
        if self.language != "fr":
            return text
        return text.replace(",", "\u00a0").replace(".", ",")


def _trimmed(value: float, decimals: int, significant: int = 0) -> str:
    """Without trailing zeros; with `significant` no more digits than that below 1000."""
    if significant and 0 < abs(value) < 1000:
        decimals = max(0, min(12, significant - 1 - math.floor(math.log10(abs(value)))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minutes(value: float) -> str:
    """Rounded up: "0 min" would say that it is over."""
    hours, minutes = divmod(math.ceil(value), 60)
    parts = ([f"{hours} h"] if hours else []) + ([f"{minutes} min"] if minutes or not hours else [])
    return " ".join(parts)
