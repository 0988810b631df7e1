"""French for what other layers say in English: errors, remedies, risk events, the doctor's findings, ranges.

Those texts are made where the session's language is not known, and stored.
What has no French here stays English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from bot.cli.session import session

FRENCH: Mapping[str, str] = {
    # --- settings and arguments ---
    "{} is no known setting": "{} n'est pas un réglage connu",
    "did you mean {}?": "vouliez-vous dire {} ?",
    "see docs/settings.md for the names there are": "les noms sont dans docs/settings.md",
    "see docs/settings.md": "voir docs/settings.md",
    "{} = {} is not allowed: {}": "{} = {} n'est pas permis : {}",
    "a fraction is wanted: write {} for {} %": "il faut une fraction : écrivez {} pour {} %",
    "the default is {}": "la valeur par défaut est {}",
    "separate with commas, like {}": "séparez par des virgules, comme {}",
    "leave it out for the exchange's own": "à omettre pour prendre celle de la plateforme",
    "{} is a group of settings, not a value": "{} est un groupe de réglages, pas une valeur",
    "set a field of it, like {}": "donnez un de ses champs, comme {}",
    "{} is a secret, and secrets only ever come from the environment": "{} est un secret, et les secrets ne viennent "
    "que de l'environnement",
    "set it there, and clear this line from your shell's history": "placez-le là, et effacez cette ligne de "
    "l'historique du terminal",
    "an assignment needs a field, =, and a value": "il faut un champ, =, et une valeur",
    "write it like {}": "écrivez comme {}",
    "write them like {}": "écrivez comme {}",
    "list of texts, {}": "liste de textes, {}",
    "list of numbers, {}": "liste de nombres, {}",
    "each above {}, at most {}": "chacun plus de {}, au plus {}",
    "whole number, {}": "nombre entier, {}",
    "number, {}": "nombre, {}",
    "text, {}": "texte, {}",
    "at least {}, at most {}": "au moins {}, au plus {}",
    "above {}, at most {}": "plus de {}, au plus {}",
    "above {}, below {}": "plus de {}, moins de {}",
    "at least {}": "au moins {}",
    "each one of {}": "chacune parmi {}",
    "one of {}": "au choix : {}",
    "each a pair like {}": "chacune une paire comme {}",
    "a currency like {}": "une devise comme {}",
    "a ccxt exchange id like {}": "un nom de plateforme de ccxt, comme {}",
    "an http or https address without user name or query": "une adresse http ou https, sans nom ni requête",
    "argument": "argument",
    "environment, {}": "environnement, {}",
    "TRADING_MODE = {} is no trading mode": "TRADING_MODE = {} n'est pas un mode",
    "TRADING_MODE = 'live' needs {}": "TRADING_MODE = 'live' demande {}",
    "set {} to a key that may trade and may not withdraw, or TRADING_MODE to paper": "donnez à {} une clé qui peut "
    "négocier et ne peut pas retirer, ou à TRADING_MODE la valeur paper",
    "set it to paper, or leave it out": "mettez paper, ou omettez-le",
    "METRONOME_CONFIG names a file that is not there: {}": "METRONOME_CONFIG nomme un fichier absent : {}",
    "correct the path, or leave the name out": "corrigez le chemin, ou omettez-le",
    "the settings file cannot be read: {}": "le fichier de réglages est illisible : {}",
    "make it a readable TOML file": "faites-en un fichier TOML lisible",
    "not a span of time: {}": "pas une durée : {}",
    "not an amount of money: {}": "pas un montant : {}",
    "write a number above 0, like {}": "écrivez un nombre au-dessus de 0, comme {}",
    "not a symbol: {}": "pas une paire : {}",
    "no symbol given": "aucune paire donnée",
    "not a moment: {}": "pas un moment : {}",
    "no such language: {}": "langue inconnue : {}",
    "choose one of: {}": "au choix : {}",
    "choose one of {}": "au choix : {}",
    "No such command {}. Did you mean {}?": "commande inconnue {}. Vouliez-vous dire {} ?",
    "No such command {}.": "commande inconnue {}.",
    "No such option: {}": "option inconnue : {}",
    "Missing argument {}.": "argument manquant : {}.",
    "{} is a value, not a group": "{} est une valeur, pas un groupe",
    "see `python -m bot config show`": "voir `python -m bot config show`",
    "{} is one for all bots": "{} vaut pour tous les bots",
    "set it in metronome.toml, [{}], or as METRONOME_{}__{}": "réglez-le dans metronome.toml, [{}], ou par "
    "METRONOME_{}__{}",
    "its money is {}, but its pairs are quoted in {}": "son argent est en {}, mais ses paires sont cotées en {}",
    "give it pairs in {}, or make another bot for {}": "donnez-lui des paires en {}, ou créez un autre bot pour {}",
    "--at is for paper only, and {} trades live": "--at ne va que sur papier, et {} négocie en réel",
    "tick without --at": "lancez le tick sans --at",
    # --- commands ---
    "there is no bot yet": "il n'y a pas encore de bot",
    "make one: {}": "créez-en un : {}",
    "several bots: which one?": "plusieurs bots : lequel ?",
    "no bot is named {}": "aucun bot ne s'appelle {}",
    "not a name for a bot: {}": "pas un nom de bot : {}",
    "begin with a letter; up to 32 lower-case letters, digits, - and _": "commencez par une lettre ; 32 au plus : "
    "minuscules, chiffres, - et _",
    "there is a bot named {} already": "un bot s'appelle déjà {}",
    "choose another name": "choisissez un autre nom",
    "no group of settings is named {}": "aucun groupe de réglages ne s'appelle {}",
    "try risk, market or strategies": "essayez risk, market ou strategies",
    "not a version: {}": "pas une version : {}",
    "see python -m bot config history": "voir python -m bot config history",
    "there is no settings version {}": "il n'y a pas de version {} des réglages",
    "choose 0 to {}, see `python -m bot config history`": "choisissez de 0 à {}, voir `python -m bot config history`",
    "no position in {}": "aucune position en {}",
    "held now: {}": "en position : {}",
    "nothing is held now": "rien n'est en position",
    "close-all sells everything, and there is nobody to ask": "close-all vend tout, et personne ne peut confirmer",
    "add --yes if you mean it": "ajoutez --yes si c'est voulu",
    "add --yes": "ajoutez --yes",
    "why of what?": "le pourquoi de quoi ?",
    "give an order, a trade, a time, or a symbol like {}": "donnez un ordre, un trade, une heure ou une paire comme {}",
    "no order, trade, tick or symbol of that name": "aucun ordre, trade, tick ni paire de ce nom",
    "give a client id, a trade id, a slot such as {}, or a symbol such as {}": "donnez l'identifiant d'un ordre ou "
    "d'un trade, l'heure d'un tick comme {}, ou une paire comme {}",
    "--all goes with --replay and without an ID": "--all va avec --replay et sans ID",
    "--at {} lies before the last tick ({})": "--at {} est avant le dernier tick ({})",
    "--at {} lies in the venue's future ({})": "--at {} est dans le futur de la plateforme ({})",
    "time only runs forward: give a later moment, or use a database of its own": "le temps ne recule pas : donnez un "
    "moment plus tardif, ou une base à part",
    "give a moment that has passed": "donnez un moment passé",
    "the money of {} is {}, and market.quote says {}": "l'argent de {} est en {}, et market.quote dit {}",
    "set it back to {}, or use a METRONOME_HOME or database of its own for {}": "remettez {}, ou prenez un "
    "METRONOME_HOME ou une base à part pour {}",
    # --- real orders ---
    "real orders go to {} only, and exchange.id is {}": "les ordres réels ne vont qu'à {}, et exchange.id vaut {}",
    "set exchange.id to {}, or trade on paper": "mettez exchange.id à {}, ou négociez sur papier",
    "there is no key of the exchange": "il n'y a pas de clé de la plateforme",
    "environment": "environnement",
    "set {} and {} to a key that may trade and may not withdraw": "donnez à {} et {} une clé qui peut négocier et ne "
    "peut pas retirer",
    "a live bot is left alone: this run may send no real orders": "un bot réel n'est pas touché : cette exécution ne "
    "peut envoyer aucun ordre réel",
    "set TRADING_MODE to live": "mettez TRADING_MODE à live",
    "real money is let in only where TRADING_MODE is live": "l'argent réel n'entre que là où TRADING_MODE vaut live",
    "set TRADING_MODE=live here and wherever ticks run": "mettez TRADING_MODE=live ici et là où tournent les ticks",
    "LIVE_OVERRIDE is not a reason in words": "LIVE_OVERRIDE n'est pas une raison en toutes lettres",
    "write why in a sentence of at least {} words and {} letters; it is stored": "écrivez pourquoi en une phrase d'au "
    "moins {} mots et {} lettres ; elle est gardée",
    "no backtest is on record: without one only a written reason in LIVE_OVERRIDE goes on": "aucun backtest n'est "
    "enregistré : sans lui, seule une raison écrite dans LIVE_OVERRIDE permet de continuer",
    "wait {} more day(s) with ticks": "attendez encore {} jour(s) avec des ticks",
    "wait for {} more closed trade(s)": "attendez encore {} trade(s) fermé(s)",
    "wait: there is too little to tell by": "attendez : il y a trop peu pour juger",
    "stay at this capital until the figure is good enough": "gardez ce capital jusqu'à ce que le chiffre suffise",
    "try other settings on a new paper bot: python -m bot bots add NAME": "essayez d'autres réglages sur un nouveau "
    "bot papier : python -m bot bots add NOM",
    "when all else is there: python -m bot live start": "quand tout le reste est là : python -m bot live start",
    "no bot trades with real money": "aucun bot ne négocie avec de l'argent réel",
    "begin with python -m bot live start": "commencez par python -m bot live start",
    "{} has the capital of the last step already": "{} a déjà le capital du dernier palier",
    "add a step to live.capital_steps if it is to have more": "ajoutez un palier à live.capital_steps s'il doit en "
    "avoir plus",
    "there is no live bot": "il n'y a pas de bot réel",
    "there is nothing to stop": "il n'y a rien à arrêter",
    "the checks took more than {} s": "les contrôles ont pris plus de {} s",
    "{} trades with real money already": "{} négocie déjà avec de l'argent réel",
    "nothing to do; after a pause: python -m bot resume, for more capital: python -m bot live raise": "rien à faire ; "
    "après une pause : python -m bot resume, pour plus de capital : python -m bot live raise",
    "options stand behind the command that they are for": "les options suivent la commande qu'elles concernent",
    "write live {} and then the options": "écrivez live {} puis les options",
    "this writes a live bot's books, and there is nobody to ask": "ceci écrit les livres d'un bot réel, et personne ne "
    "peut confirmer",
    "this lets real money trade, and there is nobody to ask": "ceci laisse négocier de l'argent réel, et personne ne "
    "peut confirmer",
    "{} trades with real money and is not started": "{} négocie avec de l'argent réel et n'est pas démarré",
    "start it with `python -m bot live start`": "démarrez-le avec `python -m bot live start`",
    "{} is not started": "{} n'est pas démarré",
    "{} trades with {} {} already": "{} négocie déjà avec {} {}",
    "give more than that; to trade with less, stop it and start it anew": "donnez-en plus ; pour moins, arrêtez-le et "
    "démarrez-le de nouveau",
    "{} was never started": "{} n'a jamais été démarré",
    "a tick is under way, and a bot's money changes between ticks only": "un tick est en cours, et l'argent d'un bot "
    "ne change qu'entre deux ticks",
    "nothing was changed: try again in a minute": "rien n'a été changé : réessayez dans une minute",
    "the kill switch is on: {}": "l'arrêt d'urgence est actif : {}",
    "lift it first, when it is safe to trade": "levez-le d'abord, quand il est sûr de négocier",
    "{} holds positions that {} {} do not pay for": "{} détient des positions que {} {} ne paient pas",
    "give it more, or close its positions first": "donnez-lui plus, ou fermez d'abord ses positions",
    "{} is the live bot: one venue account, one bot": "{} est le bot réel : un compte, un bot",
    "TRADING_MODE is not live: this bot is left alone": "TRADING_MODE n'est pas live : ce bot n'est pas touché",
    "set TRADING_MODE=live, or stop the bot with: python -m bot live stop": "mettez TRADING_MODE=live, ou arrêtez le "
    "bot par : python -m bot live stop",
    "the account could not be read: {}": "le compte n'a pas pu être lu : {}",
    "nothing to do: stops rest at the venue, and it is asked again at the next tick": "rien à faire : les stops sont "
    "sur la plateforme, nouvel essai au prochain tick",
    "undo it by hand at the venue, or write its books anew in an empty database: python -m bot rebuild": (
        "défaites-le à la main sur la plateforme, ou récrivez ses livres dans une base vide : python -m bot rebuild"
    ),
    "no more entries today: {} losses in a row": "plus d'entrée aujourd'hui : {} pertes de suite",
    "no entries: equity is {} below the day's opening, the limit is {}": (
        "aucune entrée : le capital est {} sous l'ouverture du jour, la limite est {}"
    ),
    "no entries: equity is {} below its peak, the limit is {}": (
        "aucune entrée : le capital est {} sous son plus haut, la limite est {}"
    ),
    "entries are allowed again": "les entrées sont de nouveau permises",
    "see what happened, then lift it: python -m bot resume --lift-breaker": (
        "voyez ce qui s'est passé, puis levez-le : python -m bot resume --lift-breaker"
    ),
    "nothing to do: it ends by itself after risk.drawdown_pause_s": (
        "rien à faire : elle finit d'elle-même après risk.drawdown_pause_s"
    ),
    "nothing to do: it ends with the UTC day": "rien à faire : cela finit avec le jour UTC",
    "orders that are not the bot's: {}": "des ordres qui ne sont pas au bot : {}",
    "cancel them at the venue, or keep the bot's money in an account of its own": "annulez-les sur la plateforme, ou "
    "donnez au bot un compte à lui",
    "{}: nobody can tell yet what became of an order ({})": "{} : le sort d'un ordre n'est pas encore connu ({})",
    "{}: {} of {} have a resting stop": "{} : {} sur {} ont un stop placé",
    "nothing to do: it is looked up again at the next tick": "rien à faire : nouvel examen au prochain tick",
    "nothing to do unless it lasts: then set a stop at the venue by hand": "rien à faire sauf si cela dure : alors "
    "placez un stop à la main sur la plateforme",
    # --- exchange ---
    "cannot reach {}: {}": "impossible de joindre {} : {}",
    "no connection ({})": "pas de connexion ({})",
    "no answer within {} s": "pas de réponse en {} s",
    "check the network and the venue's status page; the next tick tries again": "vérifiez le réseau et la page d'état "
    "de la plateforme ; le prochain tick réessaie",
    "{} refuses to answer: {}": "{} refuse de répondre : {}",
    "check the exchange and symbol settings": "vérifiez les réglages de la plateforme et des paires",
    "{} failed {} times in a row and is left alone": "{} a échoué {} fois de suite et est laissé tranquille",
    "nothing to do: it is asked again in {} s": "rien à faire : nouvel essai dans {} s",
    "unknown exchange {}": "plateforme inconnue {}",
    "use a ccxt id, for example {}": "prenez un nom de ccxt, par exemple {}",
    "{} skipped: {}": "{} laissé de côté : {}",
    "{}; its position is not looked after meanwhile": "{} ; sa position n'est pas surveillée pendant ce temps",
    "{} is not listed by the exchange": "{} n'est pas coté sur la plateforme",
    "nothing to do: it is tried again at the next tick": "rien à faire : nouvel essai au prochain tick",
    "take {} out of market.symbols, or correct its name": "retirez {} de market.symbols, ou corrigez son nom",
    "the last full {} candle is missing": "la dernière bougie {} complète manque",
    "{} enters nothing: {}": "{} n'entre plus : {}",
    # --- database ---
    "cannot connect to the database: {}": "connexion impossible à la base de données : {}",
    "check DATABASE_URL, or unset it to use the embedded database": "vérifiez DATABASE_URL, ou retirez-la pour la base "
    "intégrée",
    "check user and password in DATABASE_URL": "vérifiez nom et mot de passe dans DATABASE_URL",
    "check database and user name in DATABASE_URL": "vérifiez la base et le nom dans DATABASE_URL",
    "DATABASE_URL cannot be read": "DATABASE_URL est illisible",
    "write it as {}": "écrivez-la {}",
    "the embedded database cannot start: {}": "la base intégrée ne démarre pas : {}",
    "give METRONOME_HOME a writable folder, or set DATABASE_URL to a Postgres of your own": "donnez à METRONOME_HOME "
    "un dossier où écrire, ou à DATABASE_URL un Postgres à vous",
    "the schema is older than the program: {}": "les tables sont plus anciennes que le programme : {}",
    "run `python -m bot migrate`": "lancez `python -m bot migrate`",
    "run python -m bot migrate": "lancez python -m bot migrate",
    "the database is read-only": "la base est en lecture seule",
    "the database is read-only: {}": "la base est en lecture seule : {}",
    "free space or raise the plan's quota; orders wait": "libérez de la place ou augmentez le quota ; les ordres "
    "attendent",
    "free space or raise the plan's quota; orders wait until then": "libérez de la place ou augmentez le quota ; les "
    "ordres attendent jusque-là",
    "free some space or lift the quota; nothing was done": "libérez de la place ou augmentez le quota ; rien n'a été "
    "fait",
    "the database connection failed: {}": "la connexion à la base a été perdue : {}",
    "see whether the server is up": "vérifiez que le serveur tourne",
    "the database refused: {}": "la base a refusé : {}",
    "the database refused the rows: {}": "la base a refusé les lignes : {}",
    "this is a bug: report it with --debug": "c'est une faute du programme : signalez-la avec --debug",
    "not allowed: {}": "pas permis : {}",
    "connect as the owner or as service_role": "connectez-vous en propriétaire ou en service_role",
    "nothing to do: the run that took over goes on": "rien à faire : l'exécution qui a pris la suite continue",
    "there is no DATABASE_URL, and the private Postgres is not installed ({} is missing)": "il n'y a pas de "
    "DATABASE_URL, et le Postgres privé n'est pas installé ({} manque)",
    "set DATABASE_URL to your Postgres, or install requirements-local.txt in place of requirements.txt": "donnez à "
    "DATABASE_URL votre Postgres, ou installez requirements-local.txt à la place de requirements.txt",
    "two writers met: {}": "deux écritures se sont croisées : {}",
    "nothing was written: run it again": "rien n'a été écrit : relancez",
    "nothing was written; `python -m bot why` shows the rows that are there": "rien n'a été écrit ; "
    "`python -m bot why` montre les lignes présentes",
    "no migrations found": "aucune migration trouvée",
    "run from a complete checkout": "lancez depuis une copie complète du projet",
    "a migration that the database has is not in the folder": "une migration de la base n'est pas dans le dossier",
    "update the program: the database was migrated by a newer or another one": "mettez le programme à jour : la base "
    "vient d'un plus récent ou d'un autre",
    "a migration was changed after it was applied": "une migration a changé après son application",
    "restore the file and put the change into a new migration": "rétablissez le fichier et mettez le changement dans "
    "une nouvelle migration",
    "a new migration sorts before {}, which is applied already": "une nouvelle migration vient avant {}, déjà "
    "appliquée",
    "rename it to a later time stamp: migrations never run backwards": "donnez-lui une date plus tardive : les "
    "migrations ne reculent jamais",
    # --- rehearsals ---
    "Parquet is read with DuckDB, which is not installed": "les fichiers Parquet se lisent avec DuckDB, qui n'est pas "
    "installé",
    "install requirements-local.txt in place of requirements.txt, or give .npz or .csv.gz files": "installez "
    "requirements-local.txt à la place de requirements.txt, ou donnez des fichiers .npz ou .csv.gz",
    "no candle file of {} for {}": "pas de fichier de bougies de {} pour {}",
    "lay it out as {}": "rangez-le en {}",
    "no such candle directory": "ce dossier de bougies n'existe pas",
    "the directory holds no candle files": "le dossier ne contient aucun fichier de bougies",
    "give a directory laid out as {} with columns {}": "donnez un dossier rangé en {} avec les colonnes {}",
    "lay it out as {} with columns {}": "rangez-le en {} avec les colonnes {}",
    "cannot read the candle file: {}": "fichier de bougies illisible : {}",
    "the file may be half-written or of another format: write it again": "le fichier est peut-être à moitié écrit ou "
    "d'un autre format : réécrivez-le",
    "no candles of {}": "pas de bougies de {}",
    "choose among {}": "au choix : {}",
    "the candle file has no rows": "le fichier de bougies est vide",
    "the candle file lacks the column {}": "il manque au fichier de bougies la colonne {}",
    "mend or remove the file; missing candles are missing rows": "corrigez ou retirez le fichier ; une bougie absente "
    "est une ligne absente",
    "nothing to rehearse from {} to {}": "rien à répéter de {} à {}",
    "all symbols are recorded from {}": "toutes les paires sont enregistrées à partir de {}",
    "symbols in several currencies: {}": "des paires en plusieurs devises : {}",
    "one rehearsal has one cash account: choose symbols of one quote currency": "une répétition n'a qu'un compte : "
    "choisissez des paires d'une seule devise",
    "DATABASE_URL holds bots: {}": "DATABASE_URL contient des bots : {}",
    "DATABASE_URL holds a rehearsal already": "DATABASE_URL contient déjà une répétition",
    "unset DATABASE_URL, or name an empty database": "retirez DATABASE_URL, ou nommez une base vide",
    "unset DATABASE_URL, or name an empty database, or go on with --resume": "retirez DATABASE_URL, ou nommez une base "
    "vide, ou continuez avec --resume",
    "there is no rehearsal that this version of the program can read": "il n'y a pas de répétition que cette version "
    "du programme sache lire",
    "run python -m bot rehearse": "lancez python -m bot rehearse",
    # --- real money ---
    "nothing to do: the next tick looks up what was sent": "rien à faire : le prochain tick recherche ce qui est parti",
    "left in the middle: the process was told to stop": "interrompu en cours : le processus devait s'arrêter",
    "the kill switch is NOT on: {}": "l'arrêt d'urgence n'est PAS actif : {}",
    "stops that rest at Kraken go on protecting; to pull the plug delete the API key at kraken.com, Settings > API, "
    "then nobody can send anything with it": "les stops en place chez Kraken protègent toujours ; pour tout couper, "
    "supprimez la clé API sur kraken.com, Settings > API : plus personne ne peut rien envoyer avec",
    "kill --release lets orders be sent again, and there is nobody to ask": "kill --release laisse repartir des "
    "ordres, et personne ne peut confirmer",
    "no open dead letter is named {}": "aucun ordre perdu en cours ne s'appelle {}",
    "on, nothing is sent: {}": "actif, rien n'est envoyé : {}",
    "off": "inactif",
    "when its reason is gone: python -m bot kill --release": "quand la raison a disparu : python -m bot kill --release",
    "none": "aucun",
    "{} order(s) could not be placed, the newest: {} {}: {}": "{} ordre(s) n'ont pu être placés, le dernier : {} {} : "
    "{}",
    "set a stop or sell by hand where it matters, then: python -m bot dead-letters --seen {}": "au besoin, posez un "
    "stop ou vendez à la main, puis : python -m bot dead-letters --seen {}",
    "this machine's clock is {} off, live takes {} s at most": "l'horloge de cette machine est décalée de {}, le réel "
    "en admet {} s au plus",
    "its time is virtual": "son heure est virtuelle",
    "the exchange's time may be virtual: nothing to compare it with": "l'heure de la plateforme est peut-être "
    "virtuelle : rien à comparer",
    "near enough to the exchange's": "assez proche de celle de la plateforme",
    "make a key at {}, without Withdraw, and set KRAKEN_API_KEY and KRAKEN_API_SECRET": "créez une clé sur {}, sans "
    "Withdraw, et définissez KRAKEN_API_KEY et KRAKEN_API_SECRET",
    "it works": "elle marche",
    "tick them at {}, on the key's page": "cochez-les sur {}, page de la clé",
    "all that trading needs": "tous ceux qu'il faut",
    "take Withdraw Funds from the key at {}, or make a new key without it and delete this one": "ôtez Withdraw Funds "
    "de la clé sur {}, ou créez une clé sans ce droit et supprimez celle-ci",
    "this key MAY WITHDRAW money: whoever steals it takes everything": "cette clé PEUT RETIRER de l'argent : qui la "
    "vole prend tout",
    "the key may not withdraw": "la clé ne peut rien retirer",
    "another program uses this key, one with nanosecond nonces has spoilt it for good: make a new key at {} for this "
    "bot alone, with a nonce window of {}": "un autre programme utilise cette clé ; avec des nonces en nanosecondes "
    "il l'a gâtée pour toujours : créez sur {} une clé pour ce bot seul, avec une fenêtre de nonce de {}",
    "Kraken refuses our nonces: {}": "Kraken refuse nos nonces : {}",
    "the secret is not that of the key": "le secret n'est pas celui de la clé",
    "copy both again, or make a new key at {}": "recopiez les deux, ou créez une clé sur {}",
    "Kraken does not know the key": "Kraken ne connaît pas la clé",
    "copy it again, or make a new one at {}": "recopiez-la, ou créez-en une sur {}",
    "give it at {}: {}": "donnez-lui sur {} : {}",
    "the key may not even say what it may do": "la clé n'a même pas le droit de dire ses droits",
    "Kraken has locked the key: {}": "Kraken a verrouillé la clé : {}",
    "wait a quarter of an hour and ask nothing meanwhile": "attendez un quart d'heure sans rien demander",
    "it could not be tried: {}": "elle n'a pu être essayée : {}",
    "try again in a minute": "réessayez dans une minute",
    "accepted; Kraken does not tell the window": "acceptés ; Kraken ne dit pas la fenêtre",
    "set the nonce window of the key to {} at {}": "mettez la fenêtre de nonce de la clé à {} sur {}",
    "the nonce window is {}, so requests that overtake each other fail": "la fenêtre de nonce est de {} : des "
    "requêtes qui se doublent échouent",
    "accepted, window {} s": "acceptés, fenêtre de {} s",
    "stops go on where the pair is listed; sell what is left by hand at Kraken": "les stops restent là où la paire "
    "est cotée ; vendez le reste à la main chez Kraken",
    "each of {} pair(s) with money in it can be left": "{} paire(s) engagée(s), toutes peuvent être quittées",
    "{} was {} and is {} now": "{} était {}, est maintenant {}",
    "nothing of it is traded until a tick reads the names anew, a day after the last time": "rien n'y est négocié "
    "avant qu'un tick relise les noms, un jour après la dernière fois",
    "as the last tick knew them": "tels que le dernier tick les connaît",
    "every pair can be entered and left with {}": "chaque paire peut être achetée et revendue avec {}",
    "more capital, a larger share: python -m bot config set risk.max_position_frac=..., or fewer pairs": "plus de "
    "capital, une part plus grande : python -m bot config set risk.max_position_frac=..., ou moins de paires",
    "risk.min_trade_notional={} is more than {} of {}: lower it, or raise risk.max_position_frac": "risk."
    "min_trade_notional={} dépasse {} de {} : baissez-le, ou augmentez risk.max_position_frac",
    "with {} nothing can be bought, or not sold again at the stop: {}": "avec {} rien ne peut être acheté, ou revendu "
    "au stop : {}",
    "it could not be read: {}": "il n'a pu être lu : {}",
    "no order on the account but the bot's own": "sur le compte, aucun ordre que ceux du bot",
    "cancel them at kraken.com, Orders > Open, or give the bot an account of its own": "annulez-les sur kraken.com, "
    "Orders > Open, ou donnez au bot un compte à lui",
    "coins or money are held by orders that are not the bot's: {}": "des monnaies sont bloquées par des ordres qui ne "
    "sont pas du bot : {}",
    "switch Auto Earn off at kraken.com, Earn, and take the coins back: no order can sell them there": "désactivez "
    "Auto Earn sur kraken.com, Earn, et récupérez les monnaies : aucun ordre ne peut les vendre là",
    "under an earning code (.F, .B, .S, .M or .T): {}": "sous un code de placement (.F, .B, .S, .M ou .T) : {}",
    "no traded coin in the account but the bot's own": "aucune monnaie négociée sur le compte hors celles du bot",
    "the account holds traded coins that are not the bot's: {}": "le compte détient des monnaies négociées qui ne sont "
    "pas au bot : {}",
    "move them out of the account, or take these pairs from market.symbols, or give the bot its own account": "sortez-"
    "les du compte, ou retirez ces paires de market.symbols, ou donnez au bot son propre compte",
    "no traded coin is out earning": "aucune monnaie négociée n'est placée",
    "run python -m bot tick: it places what is missing; if that fails, set a stop-loss by hand at Kraken": "lancez "
    "python -m bot tick : il place ce qui manque ; en cas d'échec, posez un stop-loss à la main chez Kraken",
    "too small for any order, so without a stop: {}": "trop petit pour un ordre, donc sans stop : {}",
    "the whole of {} position(s) has stops resting at the exchange": "{} position(s), entièrement sous stops sur la "
    "plateforme",
    "overdue, their fate is not looked up yet: {}": "en retard, leur sort n'est pas encore recherché : {}",
    "run python -m bot tick": "lancez python -m bot tick",
    "unknown whether they were placed: {}": "on ne sait s'ils ont été placés : {}",
    "wait half a minute, then: python -m bot tick": "attendez une demi-minute, puis : python -m bot tick",
    "compare with kraken.com, Orders; python -m bot rebuild takes the books over from Kraken": "comparez avec "
    "kraken.com, Orders ; python -m bot rebuild reprend les comptes de Kraken",
    "rows and exchange do not add up: {}": "les lignes et la plateforme ne concordent pas : {}",
    "{} order(s), each as the exchange has it": "{} ordre(s), chacun comme sur la plateforme",
    "pay money in at Kraken, cancel orders that hold it, or start with less": "versez de l'argent chez Kraken, "
    "annulez les ordres qui le bloquent, ou commencez avec moins",
    "{} free, {} needed": "{} libres, {} nécessaires",
    "undo at Kraken what was done by hand, or begin with a new database: python -m bot rebuild": (
        "défaites chez Kraken ce qui fut fait à la main, ou repartez d'une base neuve : python -m bot rebuild"
    ),
    "{}: ledger {}, account {}": "{} : registre {}, compte {}",
    "{}: {} of {} protected": "{} : {} sur {} sous stops",
    "account and ledger differ: {}": "le compte et le registre diffèrent : {}",
    "the account has what the ledger says": "le compte a ce que dit le registre",
    "see kraken.com, Settings > Fees, whether this is a Kraken Pro account; trade nothing before it is clear": (
        "voyez sur kraken.com, Settings > Fees, si c'est un compte Kraken Pro ; d'ici là, ne négociez rien"
    ),
    "not the fees of a spot account: {}": "ce ne sont pas les frais d'un compte au comptant : {}",
    "not told": "non indiqués",
    "python -m bot config set risk.take_profit_frac=... well above the fees of both ways": "python -m bot config set "
    "risk.take_profit_frac=... bien au-dessus des frais aller et retour",
    "entry and exit cost {}, the target is {}": "entrée et sortie coûtent {}, l'objectif est {}",
    "makers pay {}, takers {}": "un maker paie {}, un taker {}",
    # --- the doctor ---
    "Python {}": "Python {}",
    "use Python 3.11 or newer, then: make run": "prenez Python 3.11 ou plus récent, puis : make run",
    "{} of {} installed, ccxt {}": "{} sur {} installés, ccxt {}",
    "missing: {}": "manquent : {}",
    "run make run, or: pip install -r requirements.txt": "lancez make run, ou : pip install -r requirements.txt",
    "{} can be written": "{} accepte l'écriture",
    "{} cannot be written: {}": "impossible d'écrire dans {} : {}",
    "give METRONOME_HOME a folder that can be written": "donnez à METRONOME_HOME un dossier où écrire",
    "profile {}, {} symbols, candles of {}": "profil {}, {} paires, bougies de {}",
    "no key: paper only": "pas de clé : papier seulement",
    "a key is set; to try it: python -m bot doctor --live": "une clé est définie ; pour l'essayer : python -m "
    "bot doctor --live",
    "{} is missing": "{} manque",
    "set {} too, or leave both out": "définissez aussi {}, ou aucun des deux",
    "not configured: no messages are sent": "non configuré : aucun message n'est envoyé",
    "configured; messages are not built yet": "configuré ; les messages ne sont pas encore construits",
    "DATABASE_URL: {}": "DATABASE_URL : {}",
    "{}: Postgres {}, writable": "{} : Postgres {}, accepte l'écriture",
    "{}: read-only": "{} : lecture seule",
    "embedded": "intégrée",
    "read-only": "lecture seule",
    "all {} applied": "les {} migrations sont appliquées",
    "{} to apply, first {}": "{} à appliquer, d'abord {}",
    "on for every table": "active sur chaque table",
    "off on: {}": "inactive sur : {}",
    "alter table NAME enable row level security; or move tables that are not ours to another schema": "alter table NOM "
    "enable row level security ; ou déplacez les tables étrangères dans un autre schéma",
    "there is none": "il n'y en a aucun",
    "stopped by an error: {}": "arrêtés par une erreur : {}",
    "see python -m bot status, then python -m bot resume": "voir python -m bot status, puis python -m bot resume",
    "no tick yet; start one: {}": "pas encore de tick ; pour en lancer un : {}",
    "last tick {} ago, longest gap of the last day {}": "dernier tick il y a {}, plus long trou en un jour {}",
    "see whether the scheduler runs; by hand: {}": "vérifiez que le planificateur tourne ; à la main : {}",
    "the free plan ends at 500 MB: raise the plan, or move old candles elsewhere": "le plan gratuit finit à 500 Mo : "
    "changez de plan, ou déplacez les vieilles bougies",
    "{} MB": "{} Mo",
    "orders, positions and cash add up to the fills": "ordres, positions et liquidités concordent avec les exécutions",
    "pause the bots and report it: {}": "mettez les bots en pause et signalez-le : {}",
    "{} answers, {} pairs": "{} répond, {} paires",
    "this machine is {} ahead": "cette machine avance de {}",
    "this machine is {} behind": "cette machine retarde de {}",
    "{} (the venue is {}, its time may be virtual)": "{} (la plateforme est {}, son heure peut être virtuelle)",
    "let the machine set its clock from the network (NTP)": "laissez la machine se mettre à l'heure du réseau (NTP)",
    "online": "ouverte",
    "wait: stops and exits run, entries begin again by themselves": "attendez : stops et sorties restent actifs, les "
    "entrées reprennent seules",
    "all {} can be traded": "les {} sont négociables",
    "{} is not listed": "{} n'est pas cotée",
    "{} has no price": "{} n'a pas de prix",
    "{} is {} now": "{} s'appelle maintenant {}",
    "take them out: {}": "retirez-les : {}",
    "{} takes nothing below {}, risk.min_trade_notional is {}": "{} refuse moins de {}, risk.min_trade_notional vaut "
    "{}",
    "all at or below the smallest trade of {}": "tous au plus au trade minimal de {}",
    "run python -m bot doctor --debug and report it": "lancez python -m bot doctor --debug et signalez-le",
    "see whether the network and the server are up": "vérifiez que le réseau et le serveur répondent",
    "{} (at {})": "{} ({})",
}
"""English to French; "{}" stands for the same part on both sides, which is looked up too."""


def local(english: str) -> str:
    """The text in the language of the session."""
    return _french(english) if english and session.speak() == "fr" else english


def _french(english: str) -> str:
    for pattern, french in _patterns():
        match = pattern.fullmatch(english)
        if match:
            return french.format(*(_french(part) for part in match.groups()))
    return english


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The place at the end first, then those that say most of the text themselves: others would swallow it."""
    wordiest = sorted(
        FRENCH.items(), key=lambda pair: (pair[0] == "{} (at {})", len(pair[0].replace("{}", ""))), reverse=True
    )
    return tuple(
        (re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL), french)
        for english, french in wordiest
    )
