"""A sweep's document in words: the best, its neighbours, and what is left of it after the search is counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bot.cli import figures
from bot.cli.blocks import BAD, FAINT, GOOD, STRONG, WARNING, Block, Cell, Heading, Line, cell, pairs, table
from bot.cli.session import session
from training.report.texts import METRICS, MORE_METRICS
from training.report.texts import TEXTS as REPORT_TEXTS
from training.sweep.axes import told_setting, told_value
from training.sweep.judging import PEAK, PLATEAU, sign_of

Document = Mapping[str, Any]

SHADES = (" ", "░", "▒", "▓", "█")
MOST_REFUSALS = 8
LITTLE, MUCH = 0.1, 0.5
"""Of the probability of overfitting: below, the choice holds; from there on, it is worth no more than a draw."""

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Sweep of {data}: {count} settings ({search})", "Balayage de {data} : {count} réglages ({search})"),
    "bundled": ("the bundled recording", "l'enregistrement fourni"),
    "subject": (
        "{symbols}, {start} - {end} UTC, profile {profile}",
        "{symbols}, {start} - {end} UTC, profil {profile}",
    ),
    "top": ("The best settings by {metric}", "Les meilleurs réglages selon : {metric}"),
    "rank": ("Rank", "Rang"),
    "neighbours": ("Neighbours", "Voisins"),
    "shape": ("Stands", "Situation"),
    "plateau": ("on a plateau", "sur un plateau"),
    "mixed": ("between", "entre les deux"),
    "peak": ("a lonely peak", "pic isolé"),
    "base": ("as it is", "tel quel"),
    "heat": (
        "{metric} by {x} (across) and {y} (down), mean over all others",
        "{metric} selon {x} (en colonnes) et {y} (en lignes), moyenne sur les autres",
    ),
    "luck": ("How much of it is luck", "La part de chance"),
    "refused": ("Settings that are not allowed: {count}", "Réglages non permis : {count}"),
    "reason": ("Reason", "Raison"),
    "count": ("Count", "Nombre"),
    "example": ("Such as", "Par exemple"),
    "walk": ("Chosen again each month", "Choisi à nouveau chaque mois"),
    "walk.test": ("Test", "Test"),
    "walk.trial": ("Chosen trial", "Essai choisi"),
    "walk.train": ("Sharpe before", "Sharpe avant"),
    "walk.out": ("Sharpe in the test", "Sharpe au test"),
    "walk.return": ("Return in the test", "Rendement au test"),
    "walk.winner": ("The winner's", "Du gagnant"),
    "trials": ("Settings tried", "Réglages essayés"),
    "effective": ("That is, independent ones", "Soit, indépendants"),
    "idle": ("Without a single trade", "Sans aucun trade"),
    "halted": ("Stopped by the global breaker", "Arrêtés par le disjoncteur global"),
    "pbo": ("Probability of overfitting (PBO)", "Probabilité de surajustement (PBO)"),
    "loss": ("The chosen loses in the other half", "Le choisi perd dans l'autre moitié"),
    "sharpe": ("Sharpe ratio found, yearly", "Ratio de Sharpe trouvé, annuel"),
    "by_luck": ("Luck alone would show the best", "Le meilleur par chance seule"),
    "remains": ("What remains", "Ce qui reste"),
    "probability": ("Probability that it is more than luck", "Probabilité que ce soit plus que la chance"),
    "speed": (
        "{done} settings in {trials} ({rate} a second, {workers} workers), prepared in {prepare}; in {out}",
        "{done} réglages en {trials} ({rate} par seconde, {workers} processus), préparés en {prepare} ; dans {out}",
    ),
    "resumed": (
        "{count} of them were known from an earlier run",
        "{count} d'entre eux venaient d'une exécution précédente",
    ),
    "memory": (
        "memory: {parent} MB, the largest worker {worker} MB with what is shared, {own} MB of its own",
        "mémoire : {parent} Mo, le plus gros processus {worker} Mo avec le partagé, {own} Mo en propre",
    ),
    # In plain words.
    "plain.best": (
        "Of {count} settings the best looks like a {metric} of {score}; the settings as they are: {base}.",
        "Sur {count} réglages, le meilleur affiche : {metric} {score} ; les réglages tels quels : {base}.",
    ),
    "plain.none": (
        "Not one of {count} settings has a {metric}: none of them traded enough.",
        "Aucun des {count} réglages n'a de {metric} : aucun n'a assez négocié.",
    ),
    "plain.corrected": (
        "Trying {count} settings, luck alone would show a yearly Sharpe ratio of about {luck}. After correction for "
        "that, the {sharpe} of the best is {remains}, and the probability that it is more than luck is {probability}.",
        "En essayant {count} réglages, la chance seule afficherait un ratio de Sharpe annuel d'environ {luck}. Une "
        "fois cela corrigé, le {sharpe} du meilleur devient {remains}, et la probabilité que ce soit plus que de la "
        "chance est de {probability}.",
    ),
    "plain.effective": (
        "Many are alike: they amount to {effective} independent ones, for which it is {remains} and {probability}.",
        "Beaucoup se ressemblent : ils valent {effective} réglages indépendants, pour lesquels c'est {remains} et "
        "{probability}.",
    ),
    "plain.pbo": (
        "Chosen on one half of the time, the best was below the middle in the other half in {pbo} of {choices} cases: "
        "{verdict}.",
        "Choisi sur une moitié du temps, le meilleur était sous la médiane dans l'autre moitié dans {pbo} de {choices} "
        "cas : {verdict}.",
    ),
    "pbo.little": ("the order of the settings holds", "le classement des réglages tient"),
    "pbo.some": ("the choice is partly chance", "le choix tient en partie du hasard"),
    "pbo.much": ("a setting drawn by lot does as well", "un réglage tiré au sort fait aussi bien"),
    "plain.plateau": (
        "Its neighbours come to {neighbours}: a plateau, as it should be.",
        "Ses voisins donnent {neighbours} : un plateau, comme il se doit.",
    ),
    "plain.mixed": ("Its neighbours come to {neighbours}.", "Ses voisins donnent {neighbours}."),
    "plain.peak": (
        "Its neighbours come to {neighbours} only: a lonely peak, likely chance.",
        "Ses voisins ne donnent que {neighbours} : un pic isolé, sans doute un hasard.",
    ),
    "plain.walk": (
        "Chosen again each month on the 120 days before, the best made {change} in {tests} months of test, {good} of "
        "them with a gain; the winner of the whole, chosen with hindsight, {winner}.",
        "Choisi à nouveau chaque mois sur les 120 jours d'avant, le meilleur a fait {change} en {tests} mois de test, "
        "dont {good} en gain ; le gagnant d'ensemble, choisi après coup, {winner}.",
    ),
    "plain.loses": (
        "Even the best of them loses money: no setting here is worth using.",
        "Même le meilleur perd de l'argent : aucun réglage ici ne vaut d'être utilisé.",
    ),
    "plain.halted": (
        "{count} of {done} lost so much that the global breaker ended their trading; from then on nothing moves.",
        "{count} sur {done} ont tant perdu que le disjoncteur global a arrêté leurs trades ; leurs courbes sont plates "
        "ensuite.",
    ),
}  # fmt: skip


def blocks(document: Document) -> list[Block]:
    """What a terminal or a pipe shows."""
    return [
        *title(document),
        *[Line(sentence, tone) for sentence, tone in sentences(document)],
        *top(document),
        *heat(document),
        *luck(document),
        *walk(document),
        *refused(document),
        *effort(document),
    ]


def title(document: Document) -> list[Block]:
    """What was swept."""
    period = document["period"]
    subject = say(
        "subject", symbols=", ".join(document["symbols"]), start=figures.moment(period["from"]),
        end=figures.moment(period["to"]), profile=document["profile"],
    )  # fmt: skip
    data = document["data"] or say("bundled")
    return [
        Heading(say("title", data=data, count=figures.count(document["trials"]), search=document["search"])),
        Line(subject, FAINT),
    ]


def plain_words(document: Document) -> list[str]:
    """What it comes to, a sentence each."""
    return [sentence for sentence, _ in sentences(document)]


def sentences(document: Document) -> list[tuple[str, str]]:
    """Sentences with their tones."""
    metric, count = document["metric"], figures.count(document["done"])
    if not document["top"]:
        return [(say("plain.none", count=count, metric=metric_name(metric)), WARNING)]
    best = document["top"][0]
    base = shown(metric, document["base"]["metrics"].get(metric))
    said = [
        (
            say("plain.best", count=count, metric=metric_name(metric), score=shown(metric, best["score"]), base=base),
            STRONG,
        )
    ]
    if (best["metrics"]["total_return"] or 0.0) < 0:
        said.append((say("plain.loses"), BAD))
    if document["halted"]:
        said.append((say("plain.halted", count=figures.count(document["halted"]), done=count), WARNING))
    judged = document["overfitting"] or {}
    said += _of_luck(judged)
    if best["shape"]:
        tone = {PLATEAU: GOOD, PEAK: WARNING}.get(best["shape"], "")
        said.append((say(f"plain.{best['shape']}", neighbours=shown(metric, best["neighbours"])), tone))
    if judged.get("pbo") is not None:
        level, tone = _level(judged["pbo"])
        values = {"pbo": figures.percent(judged["pbo"]), "choices": figures.count(judged["choices"])}
        said.append((say("plain.pbo", **values, verdict=say(level)), tone))
    if found := document["walk_forward"]:
        change = found["chosen"]["total_return"]
        values = {"change": _signed(change), "winner": _signed(found["winner"]["total_return"])}
        months = {"tests": str(len(found["splits"])), "good": str(found["chosen"]["profitable"])}
        said.append((say("plain.walk", **values, **months), GOOD if change > 0 else WARNING))
    return said


def _of_luck(judged: Document) -> list[tuple[str, str]]:
    deflated = judged.get("deflated") or {}
    most = deflated.get("number")
    if not most or most["trials"] < 2:
        return []
    values = {name: _number(most[name]) for name in ("luck", "sharpe", "remains")}
    tone = GOOD if most["probability"] >= 0.95 else WARNING
    said = [
        (
            say(
                "plain.corrected", **values, count=figures.count(int(most["trials"])),
                probability=figures.percent(most["probability"]),
            ),
            tone,
        )
    ]  # fmt: skip
    fewer = deflated["effective"]
    if fewer["trials"] < 0.9 * most["trials"]:
        told = {"remains": _number(fewer["remains"]), "probability": figures.percent(fewer["probability"])}
        said.append((say("plain.effective", effective=_number(fewer["trials"], 1), **told), ""))
    return said


def _level(pbo: float) -> tuple[str, str]:
    if pbo < LITTLE:
        return "pbo.little", GOOD
    return ("pbo.some", WARNING) if pbo < MUCH else ("pbo.much", BAD)


def top(document: Document) -> list[Block]:
    """The best settings, a column for each parameter; the settings as they are in the last row."""
    if not document["top"]:
        return []
    metric = document["metric"]
    names = [axis["name"] for axis in document["axes"]]
    beside = [name for name in ("total_return", "max_drawdown", "total_trades") if name != metric]
    columns = [">" + say("rank"), ">" + metric_name(metric), ">" + say("neighbours"), say("shape")]
    columns += [">" + metric_name(name) for name in beside] + [">" + name for name in short_names(names)]
    rows: list[list[object]] = []
    for place in document["top"]:
        shape = place["shape"]
        rows.append(
            [
                str(place["rank"]), Cell(shown(metric, place["score"]), STRONG), shown(metric, place["neighbours"]),
                Cell(say(shape) if shape else figures.DASH, {PLATEAU: GOOD, PEAK: WARNING}.get(shape, "")),
                *[shown(name, place["metrics"][name]) for name in beside],
                *[told_value(place["set"][name]) for name in names],
            ]
        )  # fmt: skip
    base = document["base"]["metrics"]
    rows.append(
        [
            Cell(figures.DASH, FAINT), shown(metric, base.get(metric)), figures.DASH, Cell(say("base"), FAINT),
            *[shown(name, base[name]) for name in beside], *[figures.DASH] * len(names),
        ]
    )  # fmt: skip
    return [Heading(say("top", metric=metric_name(metric))), table(columns, rows)]


def short_names(names: Sequence[str]) -> list[str]:
    """The shortest ends of dotted names that tell them apart."""
    found = []
    for name in names:
        parts = name.split(".")
        ends = [".".join(parts[-n:]) for n in range(1, len(parts) + 1)]
        # "enabled" or "weight" alone says nothing of whose.
        ends = ends[1:] if name.startswith("strategies.") and "params" not in parts else ends
        found.append(next(end for end in ends if sum(_ends(other, end) for other in names) == 1))
    return found


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith("." + end)


def heat(document: Document) -> list[Block]:
    """Mean scores over two parameters, the better the darker."""
    found, metric = document["heat_map"], document["metric"]
    if not found or not document["top"]:
        return []
    shares = heat_shares(document)
    x, y = short_names([found["x"], found["y"]])
    rows: list[list[object]] = []
    for told, values, row in zip(found["y_values"], found["mean"], shares, strict=True):
        cells: list[object] = [Cell(told, FAINT)]
        for value, share in zip(values, row, strict=True):
            if value is None:
                cells.append(Cell(figures.DASH, FAINT))
                continue
            shade = SHADES[min(int(share * len(SHADES)), len(SHADES) - 1)]
            cells.append(
                Cell(f"{shown(metric, value)} {shade * 2}", GOOD if share >= 0.8 else BAD if share < 0.2 else "")
            )
        rows.append(cells)
    columns = [f"{y} ↓ {x} →", *(">" + told for told in found["x_values"])]
    return [Heading(say("heat", metric=metric_name(metric), x=found["x"], y=found["y"])), table(columns, rows)]


def heat_shares(document: Document) -> list[list[float]]:
    """Place of each cell between the worst, 0, and the best, 1; nan where there is none."""
    means, sign = document["heat_map"]["mean"], sign_of(document["metric"])
    values = [sign * value for row in means for value in row if value is not None]
    low, high = min(values), max(values)
    return [
        [math.nan if v is None else (sign * v - low) / (high - low) if high > low else 0.5 for v in row]
        for row in means
    ]


def luck(document: Document) -> list[Block]:
    """The numbers behind the words."""
    judged = document["overfitting"]
    if not judged:
        return []
    tried, deflated = judged["trials"], judged["deflated"]
    rows: list[tuple[str, object]] = [
        (say("trials"), figures.count(tried["searched"])),
        (say("effective"), _number(tried["effective"], 1)),
        (say("idle"), figures.count(tried["idle"])),
        (say("halted"), figures.count(document["halted"])),
    ]
    if judged["pbo"] is not None:
        rows.append((say("pbo"), cell(figures.percent(judged["pbo"]), _level(judged["pbo"])[1])))
        rows.append((say("loss"), figures.percent(judged["loss_probability"])))
    both = [deflated[name] for name in ("number", "effective") if deflated.get(name)]
    if both:
        rows.append((say("sharpe"), _number(both[0]["sharpe"])))
        for name in ("luck", "remains"):
            rows.append((say("by_luck" if name == "luck" else name), " / ".join(_number(one[name]) for one in both)))
        rows.append((say("probability"), " / ".join(figures.percent(one["probability"]) for one in both)))
    return [Heading(say("luck")), pairs(*rows)]


def walk(document: Document) -> list[Block]:
    """Choice and test, month by month."""
    found = document["walk_forward"]
    if not found:
        return []
    columns = [say("walk.test"), ">" + say("walk.trial"), ">" + say("walk.train"), ">" + say("walk.out"),
               ">" + say("walk.return"), ">" + say("walk.winner")]  # fmt: skip
    rows = [
        (
            f"{split['from'][:10]} - {split['to'][:10]}", str(split["trial"]), _number(split["train_sharpe"]),
            _number(split["test_sharpe"]), _signed(split["test_return"]), _signed(split["winner_return"]),
        )
        for split in found["splits"]
    ]  # fmt: skip
    return [Heading(say("walk")), table(columns, rows)]


def refused(document: Document) -> list[Block]:
    """Which settings made no sense, and why."""
    if not document["refused"]:
        return []
    rows = [
        (figures.count(one["count"]), one["reason"], told_setting(one["set"]))
        for one in document["refusals"][:MOST_REFUSALS]
    ]
    heading = Heading(say("refused", count=figures.count(document["refused"])))
    return [heading, table([">" + say("count"), "~" + say("reason"), "~" + say("example")], rows)]


def effort(document: Document) -> list[Block]:
    """Time and memory."""
    fresh = document["trials"] - document["resumed"]
    rate = fresh / document["trial_s"] if document["trial_s"] > 0 else 0.0
    lines = [
        say(
            "speed", done=figures.count(document["trials"]), trials=figures.span(document["trial_s"]),
            rate=_number(rate, 1), workers=document["workers"], prepare=figures.span(document["prepare_s"]),
            out=document["out"],
        )
    ]  # fmt: skip
    if document["resumed"]:
        lines.append(say("resumed", count=figures.count(document["resumed"])))
    parent, worker = document["memory"]["parent"], document["memory"]["worker"]
    if "own_mb" in worker:
        values = {"parent": parent["peak_mb"], "worker": worker["peak_mb"], "own": worker["own_mb"]}
        lines.append(say("memory", **{name: _number(value, 0) for name, value in values.items()}))
    return [Heading(""), *(Line(line, FAINT) for line in lines)]


def metric_name(name: str) -> str:
    """A metric as people call it."""
    both = REPORT_TEXTS.get(f"metric.{name}", (name.replace("_", " "),) * 2)
    return both[session.speak() == "fr"]


def shown(metric: str, value: float | None) -> str:
    """A metric's value with its unit."""
    if value is None or not math.isfinite(value):
        return figures.DASH
    kind = {**METRICS, **MORE_METRICS}.get(metric, "number")
    if kind in ("gain", "percent"):
        return figures.percent(value)
    if kind == "money":
        return figures.money(value)
    if kind == "count" and float(value).is_integer():
        return figures.count(int(value))
    if kind == "duration":
        return figures.span(value * (86_400 if metric == "max_drawdown_duration" else 3_600))
    return _number(value)


def _number(value: float | None, decimals: int = 2) -> str:
    if value is None or not math.isfinite(value):
        return figures.DASH
    told = f"{value:,.{decimals}f}"
    return told.replace(",", "\u202f").replace(".", ",") if session.speak() == "fr" else told


def _signed(fraction: float) -> str:
    told = figures.percent(fraction)
    return f"+{told}" if fraction > 0 else told


def say(name: str, **values: Any) -> str:
    """A text of this module in the session's language."""
    return TEXTS[name][session.speak() == "fr"].format(**values)
