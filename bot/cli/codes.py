"""Stored names in words: statuses, rules, kinds of events. The documents keep the names, the reports show these."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cli.session import session

BOT: Mapping[str, tuple[str, str]] = {
    "IDLE": ("idle", "au repos"),
    "RUNNING": ("running", "en marche"),
    "PAUSED": ("paused", "en pause"),
    "ERROR": ("in error", "en erreur"),
}
TICK: Mapping[str, tuple[str, str]] = {
    "running": ("at work or cut short", "en cours ou interrompu"),
    "done": ("done", "terminé"),
    "failed": ("failed", "en échec"),
}
ORDER: Mapping[str, tuple[str, str]] = {
    "planned": ("planned", "prévu"),
    "submitting": ("being sent", "en envoi"),
    "open": ("resting", "en attente"),
    "partially_filled": ("partly filled", "exécuté en partie"),
    "filled": ("filled", "exécuté"),
    "cancelled": ("cancelled", "annulé"),
    "rejected": ("refused", "refusé"),
    "expired": ("expired", "expiré"),
    "not_placed": ("never placed", "jamais placé"),
    "unknown": ("unknown", "inconnu"),
}
LEG: Mapping[str, tuple[str, str]] = {
    "entry": ("entry", "entrée"),
    "stop": ("stop", "stop"),
    "exit": ("exit", "sortie"),
}
TYPE: Mapping[str, tuple[str, str]] = {
    "limit": ("limit", "limite"),
    "market": ("at market", "au marché"),
    "stop_loss": ("stop", "stop"),
}
TRADE: Mapping[str, tuple[str, str]] = {"open": ("open", "ouvert"), "closed": ("closed", "fermé")}
LIQUIDITY: Mapping[str, tuple[str, str]] = {
    "maker": ("maker fee", "frais maker"),
    "taker": ("taker fee", "frais taker"),
}
EFFECT: Mapping[str, tuple[str, str]] = {
    "note": ("noted", "noté"),
    "shrink": ("smaller", "réduit"),
    "block": ("blocks", "bloque"),
    "enter": ("buys", "achète"),
    "protect": ("protects", "protège"),
    "exit": ("sells", "vend"),
}
RULE: Mapping[str, tuple[str, str]] = {
    "entered": ("entry", "entrée"),
    "added": ("add", "renforcement"),
    "kelly": ("Kelly", "Kelly"),
    "atr": ("average range", "amplitude moyenne"),
    "pyramiding": ("pyramiding", "pyramide"),
    "pyramid_adds": ("adds used up", "renforcements épuisés"),
    "pyramid_gain": ("no gain for an add", "gain insuffisant"),
    "high_volatility": ("high volatility", "forte volatilité"),
    "portfolio_risk": ("portfolio risk", "risque du portefeuille"),
    "correlation": ("correlation", "corrélation"),
    "daily_trades": ("daily trades", "trades du jour"),
    "consecutive_losses": ("losses in a row", "pertes de suite"),
    "drawdown_pause": ("drawdown pause", "pause sur repli"),
    "global_breaker": ("global breaker", "coupe-circuit global"),
    "position_cap": ("position cap", "plafond par position"),
    "exposure": ("exposure", "exposition"),
    "cash": ("cash", "liquidités"),
    "risk_per_trade": ("risk per trade", "risque par trade"),
    "strategy_size": ("strategy's size", "taille de la stratégie"),
    "min_trade": ("smallest trade", "trade minimal"),
    "dust": ("dust", "reste invendable"),
    "unsellable": ("below the minimum", "sous le minimum"),
    "min_confidence": ("minimum confidence", "confiance minimale"),
    "max_open_positions": ("open positions", "positions ouvertes"),
    "cooldown": ("cooldown", "délai de repos"),
    "daily_loss": ("daily loss", "perte du jour"),
    "spread": ("spread", "écart achat-vente"),
    "no_signal": ("no signal", "pas de signal"),
    "no_position": ("nothing held", "rien en position"),
    "late_signal": ("late signal", "signal tardif"),
    "pending_entry": ("entry waiting", "entrée en attente"),
    "older_bar": ("older candle", "bougie plus ancienne"),
    "already_holding": ("already held", "déjà en position"),
    "hold": ("hold", "conserver"),
    "stop_loss": ("stop loss", "stop de perte"),
    "take_profit": ("take profit", "prise de gain"),
    "take_profit_ladder": ("profit ladder", "paliers de gain"),
    "trailing_stop": ("trailing stop", "stop suiveur"),
    "breakeven": ("breakeven", "seuil de rentabilité"),
    "sell_signal": ("sell signal", "signal de vente"),
    "closed_by_person": ("closed by hand", "fermé à la main"),
    "paused": ("pause", "pause"),
    "halted": ("halt", "arrêt"),
    "venue_status": ("exchange not open", "plateforme fermée"),
    "in_doubt": ("order in doubt", "ordre incertain"),
    "stale": ("old data", "données anciennes"),
    "bad_candles": ("faulty candles", "bougies fautives"),
    "unreachable": ("no answer", "sans réponse"),
    "unknown_symbol": ("unknown pair", "paire inconnue"),
    "not_tradable": ("not tradable", "non négociable"),
    "no_quote": ("no price", "pas de prix"),
    "not_enough_history": ("short history", "historique court"),
    "killed": ("kill switch", "arrêt d'urgence"),
    "live_off": ("live is off", "réel désactivé"),
    "venue_unseen": ("account unread", "compte illisible"),
    "ledger_drift": ("books differ", "livres divergents"),
    "unsettled": ("orders unsettled", "ordres non éclaircis"),
    "backup_data": ("backup prices", "prix de secours"),
    "rebuilt": ("taken over", "repris"),
    "trade_over": ("trade is over", "trade terminé"),
    # Of risk events only.
    "foreign_order": ("foreign order", "ordre étranger"),
    "unprotected": ("stop missing", "stop manquant"),
    "bad_settings": ("wrong settings", "réglages fautifs"),
    "venue_down": ("no exchange", "pas de plateforme"),
    # The strategies, which an entry has as its reason.
    "trend_following": ("trend following", "suivi de tendance"),
    "breakout": ("breakout", "cassure"),
    "mean_reversion": ("mean reversion", "retour à la moyenne"),
    "momentum": ("momentum", "momentum"),
    "heuristic": ("heuristic", "heuristique"),
}
EVENT: Mapping[str, tuple[str, str]] = {
    "opened": ("position opened", "position ouverte"),
    "filled": ("position changed", "position modifiée"),
    "closed": ("position closed", "position fermée"),
    "stop_moved": ("stop moved", "stop déplacé"),
    "armed": ("stop begins to trail", "le stop commence à suivre"),
}
LAYER: Mapping[str, tuple[str, str]] = {
    "defaults": ("default", "défaut"),
    "profile": ("profile", "profil"),
    "file": ("file", "fichier"),
    "environment": ("environment", "environnement"),
    "bot": ("bot", "bot"),
}
GATE: Mapping[str, tuple[str, str]] = {
    "paper_days": ("days on paper", "jours sur papier"),
    "closed_trades": ("closed trades", "trades fermés"),
    "sharpe": ("Sharpe ratio", "ratio de Sharpe"),
    "drawdown": ("worst drawdown", "pire repli"),
    "win_rate": ("won", "gagnants"),
    "profit_factor": ("profit factor", "facteur de profit"),
    "backtest_sharpe": ("Sharpe ratio, backtest", "ratio de Sharpe, backtest"),
    "days_at_step": ("days at this capital", "jours à ce capital"),
    "trades_at_step": ("closed trades since", "trades fermés depuis"),
    "drawdown_at_step": ("worst drawdown since", "pire repli depuis"),
    "profit_factor_at_step": ("profit factor since", "facteur de profit depuis"),
}
LIVE_DECISION: Mapping[str, tuple[str, str]] = {
    "start": ("started", "démarré"),
    "raise": ("capital raised", "capital augmenté"),
    "stop": ("stopped", "arrêté"),
    "kill": ("kill switch on", "arrêt d'urgence"),
    "release": ("kill switch off", "fin de l'arrêt d'urgence"),
}
CHECK: Mapping[str, tuple[str, str]] = {
    "python": ("Python", "Python"),
    "packages": ("packages", "paquets"),
    "home": ("folder", "dossier"),
    "settings": ("settings", "réglages"),
    "key_permissions": ("exchange key", "clé de la plateforme"),
    "telegram": ("Telegram", "Telegram"),
    "database": ("database", "base de données"),
    "migrations": ("tables", "tables"),
    "row_level_security": ("row-level security", "sécurité par ligne"),
    "bots": ("bots", "bots"),
    "schedule": ("schedule", "cadence"),
    "database_size": ("database size", "taille de la base"),
    "books": ("books", "comptes"),
    "exchange": ("exchange", "plateforme"),
    "clock": ("clock", "horloge"),
    "venue_status": ("exchange status", "état de la plateforme"),
    "symbols": ("pairs", "paires"),
    "minimum_sizes": ("smallest orders", "ordres minimaux"),
    "kill_switch": ("kill switch", "arrêt d'urgence"),
    "live_clock": ("clock, live", "horloge, réel"),
    "dead_letters": ("dead letters", "ordres perdus"),
    "live_key": ("key", "clé"),
    "live_permissions": ("key: permissions", "clé : droits"),
    "live_withdrawal": ("key: withdrawal", "clé : retrait"),
    "live_nonce": ("key: nonces", "clé : nonces"),
    "live_pairs": ("pairs with money", "paires engagées"),
    "pair_names": ("names of pairs", "noms des paires"),
    "live_sizes": ("sizes, live", "tailles, réel"),
    "account": ("account", "compte"),
    "foreign_orders": ("foreign orders", "ordres étrangers"),
    "rewards": ("coins that earn", "monnaies placées"),
    "coins_beside": ("coins beside", "monnaies à côté"),
    "live_stops": ("resting stops", "stops en place"),
    "live_orders": ("orders, live", "ordres, réel"),
    "live_cash": ("free cash", "liquidités libres"),
    "live_ledger": ("ledger", "registre"),
    "live_fees": ("fees", "frais"),
}
ANSWER: Mapping[str, tuple[str, str]] = {
    "attached": ("placed with the entry", "placé avec l'entrée"),
    "stopped_out": ("the stop sold the position", "le stop a vendu la position"),
    "checked": ("looked at, unchanged", "vérifié, inchangé"),
    "an earlier step failed": ("an earlier step failed", "une étape précédente a échoué"),
}
INPUT: Mapping[str, tuple[str, str]] = {
    "quote_bid": ("Bid", "Prix acheteur"),
    "quote_ask": ("Ask", "Prix vendeur"),
    "quote_last": ("Last price", "Dernier prix"),
    "high_since": ("Highest since the last tick", "Plus haut depuis le dernier tick"),
    "low_since": ("Lowest since the last tick", "Plus bas depuis le dernier tick"),
    "min_size": ("Smallest order, units", "Ordre minimal, unités"),
    "min_notional": ("Smallest order, value", "Ordre minimal, valeur"),
    "size_step": ("Size step", "Pas de quantité"),
    "price_step": ("Price step", "Pas de prix"),
    "taker_fee": ("Taker fee", "Frais taker"),
    "maker_fee": ("Maker fee", "Frais maker"),
}


def called(names: Mapping[str, tuple[str, str]], name: str | None) -> str:
    """A stored name in the language of the session; one that is not listed reads as itself, without underscores."""
    if not name:
        return ""
    both = names.get(name)
    return name.replace("_", " ") if both is None else both[session.speak() == "fr"]
