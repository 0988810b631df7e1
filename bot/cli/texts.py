"""The command line's own sentences in English and French. Words of reports and reasons: bot/words.py."""

from __future__ import annotations

from collections.abc import Mapping

from bot import words
from bot.cli.session import session

TEXTS: Mapping[str, tuple[str, str]] = {
    "error.title": ("error:", "erreur :"),
    "error.where": ("where:", "où :"),
    "error.fix": ("to mend:", "remède :"),
    "error.arguments": ("arguments", "arguments"),
    "error.see_help": ("see {command}", "voir {command}"),
    "error.interrupted": ("interrupted", "interrompu"),
    "error.unexpected": ("unexpected {kind}: {message}", "erreur inattendue {kind} : {message}"),
    "error.see_traceback": (
        "run it again with --debug and report the traceback",
        "relancez avec --debug et signalez la trace",
    ),
    # Words of the reports that bot/words.py does not have.
    "now": ("Now (UTC)", "Maintenant (UTC)"),
    "candle_utc": ("Candle (UTC)", "Bougie (UTC)"),
    "gain_now": ("Gain", "Gain"),
    "limit": ("Limit", "Limite"),
    "start_cash": ("Began with", "Au départ"),
    "event": ("What", "Quoi"),
    "mode": ("Mode", "Mode"),
    "name": ("Name", "Nom"),
    "today": ("Today", "Ce jour"),
    "total": ("Total", "Total"),
    "age": ("Age", "Âge"),
    "data_age": ("Data age", "Âge des données"),
    "model": ("Model", "Modèle"),
    "side": ("Side", "Sens"),
    "leg": ("For", "Rôle"),
    "type": ("Type", "Type"),
    "filled": ("Filled", "Exécuté"),
    "id": ("Id", "Id"),
    "opened": ("Opened (UTC)", "Ouvert (UTC)"),
    "closed": ("Closed (UTC)", "Fermé (UTC)"),
    "since": ("Since (UTC)", "Depuis (UTC)"),
    "message": ("Message", "Message"),
    "fix": ("To mend", "Remède"),
    "check": ("Check", "Contrôle"),
    "detail": ("Detail", "Détail"),
    "field": ("Setting", "Réglage"),
    "set_by": ("Set by", "Défini par"),
    "range": ("Allowed", "Permis"),
    "version": ("Version", "Version"),
    "author": ("Author", "Auteur"),
    "at": ("At (UTC)", "Le (UTC)"),
    "note": ("Note", "Note"),
    "change": ("Change", "Changement"),
    "profile": ("Profile", "Profil"),
    "settings": ("Settings", "Réglages"),
    "settings_version": ("Settings version", "Version des réglages"),
    "strategy": ("Strategy", "Stratégie"),
    "direction": ("Direction", "Direction"),
    "buy": ("buy", "achat"),
    "sell": ("sell", "vente"),
    "none_yet": ("none yet", "aucun"),
    "yes": ("yes", "oui"),
    "no": ("no", "non"),
    "ok": ("ok", "ok"),
    "failed": ("FAILED", "ÉCHEC"),
    # tick, loop
    "tick.skipped": ("Nothing done: {detail}", "Rien fait : {detail}"),
    "tick.done": (
        "the five minutes from {moment} UTC are done already",
        "les cinq minutes à partir de {moment} UTC sont déjà faites",
    ),
    "tick.held": ("another run is at work", "une autre exécution est à l'œuvre"),
    "tick.dry_run": ("Dry run: nothing was written, nothing was ordered", "Essai à blanc : rien écrit, rien commandé"),
    "tick.title": ("Bot {name}: {status}", "Bot {name} : {status}"),
    "no_bots": (
        "No bot yet: python -m bot bots add NAME --cash 1000",
        "Aucun bot : python -m bot bots add NOM --cash 1000",
    ),
    "tick.waiting": (
        "waiting for the exchange, for half a minute at most ...",
        "en attente de la plateforme, une demi-minute au plus ...",
    ),
    "tick.stopping": (
        "stopping: this tick is finished first; once more to leave it",
        "arrêt : ce tick est d'abord terminé ; encore une fois pour le quitter",
    ),
    "tick.problem": ("{symbol}: {detail}", "{symbol} : {detail}"),
    "loop.tick": ("{now}  {count} tick(s)  {what}", "{now}  {count} tick(s)  {what}"),
    "loop.done": (
        "{ticks} tick(s), {failed} failed, {skipped} skipped",
        "{ticks} tick(s), {failed} en échec, {skipped} omis",
    ),
    "loop.stopping": (
        "stopping: the tick in hand is finished first; once more to leave it",
        "arrêt : le tick en cours est d'abord terminé ; encore une fois pour le quitter",
    ),
    # rehearse, run
    "rehearse.title": ("Rehearsal of {name}", "Répétition de {name}"),
    "rehearse.progress": ("rehearsing", "répétition"),
    "rehearse.resumed": (
        "goes on with the rehearsal that was cut short, at {now} (--fresh starts anew)",
        "reprend à {now} la répétition interrompue (--fresh recommence)",
    ),
    "rehearse.period": ("Period (UTC)", "Période (UTC)"),
    "rehearse.ticks": ("Ticks", "Ticks"),
    "rehearse.errors": ("Errors", "Erreurs"),
    "rehearse.result": ("Result", "Résultat"),
    "rehearse.more": ("... and {count} more: --json has them all", "... et {count} autres : --json les donne tous"),
    "metric.total_trades": ("Closed trades", "Trades fermés"),
    "metric.open_trades": ("Open trades", "Trades ouverts"),
    "metric.win_rate": ("Won", "Gagnants"),
    "metric.profit_factor": ("Profit factor", "Facteur de profit"),
    "metric.avg_win": ("Mean win", "Gain moyen"),
    "metric.avg_loss": ("Mean loss", "Perte moyenne"),
    "metric.total_pnl": ("Closed profit", "Gain réalisé"),
    "metric.total_fees": ("Fees", "Frais"),
    "metric.avg_trade_duration_h": ("Mean time held", "Durée moyenne"),
    "metric.total_return": ("Return", "Rendement"),
    "metric.max_drawdown": ("Worst drawdown", "Pire repli"),
    "metric.sharpe_ratio": ("Sharpe ratio", "Ratio de Sharpe"),
    "run.unreachable": (
        "Kraken cannot be reached ({reason}): rehearsing the bundled recording instead.",
        "Kraken est injoignable ({reason}) : répétition de l'enregistrement fourni à la place.",
    ),
    "run.live": (
        "Paper tick on live prices of {exchange}",
        "Tick sur papier aux prix réels de {exchange}",
    ),
    "run.real": (
        "Tick with REAL orders at {exchange}",
        "Tick avec de VRAIS ordres sur {exchange}",
    ),
    "run.other": (
        "Paper tick on the prices of {url}: not the exchange itself",
        "Tick sur papier aux prix de {url} : pas la plateforme elle-même",
    ),
    "run.replay": (
        "REPLAY: recorded, synthetic prices. Nothing below says anything of a real market",
        "REJEU : prix enregistrés et synthétiques. Rien ci-dessous ne parle d'un vrai marché",
    ),
    "run.why": ("why this verdict, with every vote and rule", "pourquoi ce verdict, avec chaque vote et chaque règle"),
    "run.status": ("bots, positions with stops, today's result", "bots, positions et stops, résultat du jour"),
    "run.loop": ("a tick every five minutes, until Ctrl-C", "un tick toutes les cinq minutes, jusqu'à Ctrl-C"),
    "run.doctor": ("check database, exchange, clock and schedule", "contrôler base, plateforme, horloge et cadence"),
    "run.rehearse": ("replay recorded candles of your own", "rejouer vos propres bougies enregistrées"),
    "run.config": ("every setting, its range and who set it", "chaque réglage, ses bornes et son origine"),
    # status
    "status.slots": ("Ticks, last {hours} h", "Ticks, {hours} dernières h"),
    "status.slots_text": (
        "{delivered} done, {missed} missed, longest gap {gap}",
        "{delivered} faits, {missed} manqués, plus long trou {gap}",
    ),
    "status.live": (
        "{bot}: {amount}, step {step} of {steps}, {state}",
        "{bot} : {amount}, palier {step} sur {steps}, {state}",
    ),
    "status.no_tick": ("no tick yet", "aucun tick"),
    "status.tick_text": ("{slot} UTC ({status}), {age} ago", "{slot} UTC ({status}), il y a {age}"),
    "status.no_model": ("rules only, no model yet", "règles seules, pas encore de modèle"),
    "status.no_risk": ("nothing open", "rien d'ouvert"),
    # why
    "why.progress": ("replaying decisions", "décisions rejouées"),
    "why.identical": ("{identical}/{decisions} identical", "{identical}/{decisions} identiques"),
    "why.replay_same": (
        "Replayed from the stored inputs: identical",
        "Rejouée à partir des données enregistrées : identique",
    ),
    "why.replay_differs": (
        "Replayed from the stored inputs: NOT identical",
        "Rejouée à partir des données enregistrées : PAS identique",
    ),
    "why.candles_same": (
        "Candles: {count} archived series are those of then",
        "Bougies : {count} séries archivées sont celles d'alors",
    ),
    "why.candles_differ": (
        "Candles: not those of then any more: {changed}",
        "Bougies : elles ne sont plus celles d'alors : {changed}",
    ),
    "why.rehearsal": (
        "REPLAY, of the last rehearsal: recorded prices, no real market",
        "REJEU, de la dernière répétition : prix enregistrés, pas un vrai marché",
    ),
    "why.so_far": ("Booked so far", "Comptabilisé"),
    "why.ended": ("Sold by", "Vendu par"),
    "why.still_held": ("still held", "en position"),
    "why.led": ("led by {strategy}", "mené par {strategy}"),
    "why.moved": ("{before} → {after}", "{before} → {after}"),
    "why.highest": ("highest price {price}", "plus haut {price}"),
    "why.filled": (
        "{side} of {size} at {price}, fee {fee}: {reason}",
        "{side} de {size} à {price}, frais {fee} : {reason}",
    ),
    "why.no_decision": ("No decision was stored for it", "Aucune décision n'a été enregistrée pour cela"),
    "why.votes": ("Votes", "Votes"),
    "why.rules": ("What each rule did", "Ce que chaque règle a fait"),
    "why.rule": ("Rule", "Règle"),
    "why.effect": ("Effect", "Effet"),
    "why.inputs": ("Inputs", "Données"),
    "why.features": ("Features that the strategies read", "Indicateurs lus par les stratégies"),
    "why.events": ("What happened", "Ce qui s'est passé"),
    "why.fills": ("Fills", "Exécutions"),
    "why.order": ("Order {id}", "Ordre {id}"),
    "why.trade": ("Trade {id}", "Trade {id}"),
    "why.tick": ("Tick of {id} (UTC)", "Tick de {id} (UTC)"),
    "why.verdict": ("{symbol}, candle of {candle} (UTC)", "{symbol}, bougie de {candle} (UTC)"),
    "why.decided_at": ("Decided in the tick of", "Décidé par le tick de"),
    "why.code": ("Code version", "Version du code"),
    # control
    "control.pause": (
        "{bot}: paused at once. Stops and exits go on, entries wait until python -m bot resume.",
        "{bot} : en pause dès maintenant. Stops et sorties restent actifs, les entrées attendent python -m bot resume.",
    ),
    "control.lift_breaker": (
        "{bot}: the global breaker is lifted at the next tick; its drawdown is counted anew from then on.",
        "{bot} : le disjoncteur global sera levé au prochain tick ; sa perte sera comptée à neuf à partir de là.",
    ),
    "control.resume": (
        "{bot}: resumed at once. Entries are possible again from the next tick on.",
        "{bot} : repris dès maintenant. Les entrées sont de nouveau possibles dès le prochain tick.",
    ),
    "control.close": (
        "{bot}: {symbol} is sold at the next tick, at the market.",
        "{bot} : {symbol} sera vendu au prochain tick, au marché.",
    ),
    "control.close_all": (
        "{bot}: {positions} position(s) are sold at the next tick, at the market.",
        "{bot} : {positions} position(s) seront vendues au prochain tick, au marché.",
    ),
    "control.ask": ("Sell all {positions} position(s) of {bots}?", "Vendre les {positions} position(s) de {bots} ?"),
    "control.not_done": ("Nothing was changed.", "Rien n'a été changé."),
    "control.due": ("The next tick is due by {moment} UTC.", "Le prochain tick est attendu avant {moment} UTC."),
    "control.killed": (
        "The kill switch is on: nothing is sold before python -m bot kill --release.",
        "L'arrêt d'urgence est actif : rien n'est vendu avant python -m bot kill --release.",
    ),
    "close_all.stops_stay": (
        "Until then their stops stay where they are. What stands now:",
        "D'ici là leurs stops restent en place. Ce qui est en cours :",
    ),
    "close_all.waiting": ("still there: {left}", "encore là : {left}"),
    "close_all.done": ("All is sold, nothing rests any more.", "Tout est vendu, plus rien n'est en attente."),
    "close_all.not_done": (
        "The time is up, and not all is sold. What stands:",
        "Le délai est passé et tout n'est pas vendu. Ce qui reste :",
    ),
    # kill
    "kill.by_hand": ("thrown by hand", "actionné à la main"),
    "kill.on": (
        "The kill switch is ON since {moment} UTC, by {by}: {reason}",
        "L'arrêt d'urgence est ACTIF depuis {moment} UTC, par {by} : {reason}",
    ),
    "kill.means": (
        "Nothing is sent to the exchange any more. Stops that rest there stay and go on protecting; entries expire by"
        " themselves. It ends with: python -m bot kill --release",
        "Plus rien n'est envoyé à la plateforme. Les stops qui y sont restent et protègent toujours ; les entrées"
        " expirent seules. Pour y mettre fin : python -m bot kill --release",
    ),
    "kill.off": ("The kill switch is off.", "L'arrêt d'urgence est inactif."),
    "kill.lifted": (
        "The kill switch is off again (it was on: {reason}). Orders are sent from the next tick on.",
        "L'arrêt d'urgence est levé (il était actif : {reason}). Des ordres partent dès le prochain tick.",
    ),
    "kill.ask": (
        "The switch is on: {reason}. Type {word} to let orders be sent again",
        "L'arrêt est actif : {reason}. Tapez {word} pour laisser repartir des ordres",
    ),
    "remains.positions": ("Positions", "Positions"),
    "remains.protected": ("Under stops", "Sous stops"),
    "remains.worth": ("Worth at stops", "Valeur aux stops"),
    "remains.resting": ("Orders that rest", "Ordres en attente"),
    "remains.expires": ("Expires (UTC)", "Expire (UTC)"),
    "remains.unknown": ("Orders in doubt", "Ordres incertains"),
    "remains.unknown_means": (
        "Nobody knows yet whether the exchange has these: the next tick looks them up.",
        "Nul ne sait encore si la plateforme les a : le prochain tick les recherche.",
    ),
    "remains.nothing": (
        "No position, no order: nothing stands at the exchange.",
        "Ni position ni ordre : rien n'est en cours sur la plateforme.",
    ),
    "remains.as_of": ("As the tick of {moment} UTC saw it.", "Vu par le tick de {moment} UTC."),
    "letters.none": ("No order waits for you.", "Aucun ordre ne vous attend."),
    "letters.seen": ("Seen to: {id}", "Traité : {id}"),
    "letters.how": (
        "Nothing tries these again. Seen to it: python -m bot dead-letters --seen ID",
        "Rien ne les retente. Une fois traité : python -m bot dead-letters --seen ID",
    ),
    # live
    "live.title": ("Real money", "Argent réel"),
    "live.mode": ("TRADING_MODE", "TRADING_MODE"),
    "live.bot": ("Live bot", "Bot réel"),
    "live.no_bot": ("none yet", "aucun"),
    "live.may_trade": ("may trade", "peut négocier"),
    "live.may_not_trade": ("may enter nothing", "ne peut pas entrer"),
    "live.capital": ("Capital", "Capital confié"),
    "live.baseline": ("Beside it", "À côté"),
    "live.override": ("LIVE_OVERRIDE", "LIVE_OVERRIDE"),
    "live.killed": ("Kill switch", "Arrêt d'urgence"),
    "live.gates": ("Gates, by the record of {bot}", "Conditions, d'après {bot}"),
    "live.gate": ("Gate", "Condition"),
    "live.limit": ("Wanted", "Voulu"),
    "live.closed": ("closed", "fermée"),
    "live.why_too_few_days": ("too few days", "trop peu de jours"),
    "live.why_too_few_trades": ("too few trades", "trop peu de trades"),
    "live.why_no_backtest": ("no backtest on record", "aucun backtest enregistré"),
    "live.why_backtest_of_other_settings": (
        "backtests of other settings only",
        "backtests d'autres réglages seulement",
    ),
    "live.why_backtest_too_old": ("the backtest is over 90 days old", "le backtest a plus de 90 jours"),
    "live.why_backtest_too_short": ("the backtest is under 90 days long", "le backtest couvre moins de 90 jours"),
    "live.why_untold": ("cannot be told", "impossible à dire"),
    "live.why_no_loss": ("no losing trade", "aucun trade perdant"),
    "live.ramp": ("Capital, step by step", "Capital, palier par palier"),
    "live.steps": ("Steps", "Paliers"),
    "live.next": ("Next step", "Palier suivant"),
    "live.last_step": ("this is the last one", "c'est le dernier"),
    "live.next_allowed": ("now possible, python -m bot live raise", "possible, python -m bot live raise"),
    "live.next_waits": ("not yet", "pas encore"),
    "live.missing": ("What is missing", "Ce qui manque"),
    "live.what": ("What", "Quoi"),
    "live.nothing_missing": ("nothing", "rien"),
    "live.missing_key": ("key of the exchange", "clé de la plateforme"),
    "live.missing_mode": ("TRADING_MODE", "TRADING_MODE"),
    "live.missing_kill_switch": ("kill switch is on", "arrêt d'urgence actif"),
    "live.missing_start": ("your decision", "votre décision"),
    "live.decisions": ("Decisions", "Décisions"),
    "live.overridden": ("Overridden in writing: {reason}", "Passé outre par écrit : {reason}"),
    "live.refused_gates": ("Refused: not every gate is open", "Refusé : toutes les conditions ne sont pas remplies"),
    "live.or_override": (
        "Or write the reason to go on all the same into LIVE_OVERRIDE, as a sentence: it is stored with the decision.",
        "Ou écrivez dans LIVE_OVERRIDE, en une phrase, pourquoi continuer quand même : elle est gardée.",
    ),
    "live.refused_checks": (
        "Refused: these checks failed, and nothing overrides them",
        "Refusé : ces contrôles ont échoué, et rien ne passe outre",
    ),
    "live.ask_start": (
        "{bot} will trade with real money. Type {amount} to let it",
        "{bot} va négocier avec de l'argent réel. Tapez {amount} pour l'autoriser",
    ),
    "live.ask_raise": (
        "{bot} will trade with more real money. Type {amount} to let it",
        "{bot} va négocier avec plus d'argent réel. Tapez {amount} pour l'autoriser",
    ),
    "live.start_done": (
        "{bot} trades with {amount} of real money from the next tick on.",
        "{bot} négocie avec {amount} d'argent réel dès le prochain tick.",
    ),
    "live.raise_done": (
        "{bot} trades with {amount} from the next tick on.",
        "{bot} négocie avec {amount} dès le prochain tick.",
    ),
    "live.how_to_stop": (
        "To stop entries: python -m bot live stop. To send nothing at all: python -m bot kill.",
        "Pour arrêter les entrées : python -m bot live stop. Pour ne plus rien envoyer : python -m bot kill.",
    ),
    "live.stopped": (
        "{bot}: stopped at once. Stops and exits go on, nothing is entered until python -m bot live start.",
        "{bot} : arrêté dès maintenant. Stops et sorties restent actifs, plus d'entrée avant python -m bot live start.",
    ),
    "live.stop_holds": (
        "Still held: {held}. To sell: python -m bot close-all",
        "Encore détenu : {held}. Pour vendre : python -m bot close-all",
    ),
    "live.by_hand": ("asked for at the command line", "demandé en ligne de commande"),
    # rebuild
    "rebuild.reason": ("taken over from the exchange: the database was lost", "repris de la plateforme : base perdue"),
    "rebuild.ask": (
        "Write {trades} trade(s), {positions} of them open, into this database?",
        "Écrire {trades} trade(s), dont {positions} ouvert(s), dans cette base ?",
    ),
    "rebuild.found": (
        "{bot}: the exchange remembers {trades} trade(s) with {fills} fill(s)",
        "{bot} : la plateforme se souvient de {trades} trade(s) et {fills} exécution(s)",
    ),
    "rebuild.cash": ("Cash of the bot: {cash}", "Liquidités du bot : {cash}"),
    "rebuild.beside": ("In the account beside the bot's own: {beside}", "Sur le compte, hors du bot : {beside}"),
    "rebuild.foreign": ("Not the bot's, and resting: {order}", "En attente et pas au bot : {order}"),
    "rebuild.written": (
        "Written. {bot} is paused: it protects and exits; to let it enter again: python -m bot resume --bot {bot}",
        "Écrit. {bot} est en pause : stops et sorties actifs ; pour reprendre : python -m bot resume --bot {bot}",
    ),
    "rebuild.not_written": ("Nothing was written.", "Rien n'a été écrit."),
    # migrate
    "migrate.done": (
        "{count} migration(s) applied, {already} were there",
        "{count} migration(s) appliquée(s), {already} déjà là",
    ),
    "migrate.nothing": ("Up to date: {already} migration(s)", "À jour : {already} migration(s)"),
    "migrate.bot": ("Bot {name} made, with {cash}", "Bot {name} créé, avec {cash}"),
    # config
    "config.set": (
        "{bot}: {field} was {old}, is {new} (version {version}); it holds from the next tick on.",
        "{bot} : {field} valait {old}, vaut {new} (version {version}) ; en vigueur dès le prochain tick.",
    ),
    "config.same": ("{bot}: {field} is {new} already", "{bot} : {field} vaut déjà {new}"),
    "config.rolled_back": (
        "{bot}: back to the settings of version {to} (new version {version}); they hold from the next tick on.",
        "{bot} : retour aux réglages de la version {to} (nouvelle version {version}), en vigueur au prochain tick.",
    ),
    "config.no_history": ("No setting of this bot was ever changed", "Aucun réglage de ce bot n'a jamais été changé"),
    "config.unset": ("(not set)", "(non défini)"),
    # bots
    "bots.added": (
        "Bot {name} added: {mode}, {cash}, settings version {version}",
        "Bot {name} ajouté : {mode}, {cash}, réglages version {version}",
    ),
    # doctor
    "doctor.progress": ("checking", "contrôle en cours"),
    "doctor.all_good": ("All {count} checks passed", "Les {count} contrôles sont bons"),
    "doctor.failure": ("1 of {count} checks failed", "1 contrôle sur {count} a échoué"),
    "doctor.failures": ("{failed} of {count} checks failed", "{failed} contrôles sur {count} ont échoué"),
}


def text(key: str, **values: object) -> str:
    """A sentence or word in the language of the session. An unknown key raises KeyError: it is a mistake of ours."""
    english, french = TEXTS[key]
    return (french if session.speak() == "fr" else english).format(**values)


def word(key: str) -> str:
    """A word of reports, from here or from bot/words.py."""
    return text(key) if key in TEXTS else words.ui(key, session.speak())
