"""`training backtest`: the bot's own rules over years of recorded candles, in seconds."""

from __future__ import annotations

import re
import shlex
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.arguments import amount, moment_ms, seconds
from bot.cli.arguments import symbols as read_symbols
from bot.cli.blocks import BAD, FAINT, GOOD, Block, Cell, Heading, Line, table
from bot.cli.errors import show_error
from bot.cli.render import Advance, progress
from bot.cli.session import session
from bot.cli.wiring import code_version, wall_ms
from bot.domain.errors import ConfigError
from bot.domain.timeframes import TIMEFRAMES_MS
from bot.jobs.report import iso
from bot.settings import load
from training.engine.checks import checks
from training.engine.delay import STATED
from training.engine.document import Document, document
from training.engine.run import BacktestRequest, open_history, run_backtest
from training.market.build import Progress

STRESS: Mapping[str, tuple[str, str]] = {
    "crash_2022": ("2022-01-01", "2022-07-01"),
    "rally_2021": ("2021-01-01", "2021-04-15"),
    "sideways_2023": ("2023-03-20", "2023-10-16"),
}
"""Periods by what BTC-USDT did in them (daily candles of Binance).

crash_2022: from 46,217 to 19,942, less 57 %, with LUNA in May and Celsius in June; low 17,622.
rally_2021: from 28,924 to 62,960, up 118 %; ends the day after the high of 64,854.
sideways_2023: from 27,973 to 27,154, less 3 %, between 24,800 and 31,804 all the time.
"""

EPILOG = """
\b
Examples:
  python -m training backtest
      the bundled recording
  python -m training backtest --data candles/binance --bot main --period 1y --save
      this bot's settings over the last year, kept for `python -m bot live`
  python -m training backtest --data candles/binance --symbols BTC/USDT,ETH/USDT --period 6m
  python -m training backtest --data candles/binance --stress crash_2022,rally_2021,sideways_2023 --profile swing
  python -m training backtest --data candles/binance --from 2021-04-01 --to 2021-07-01 --report april.html

\b
Stress sets, by what BTC did:
  crash_2022      2022-01-01 to 2022-07-01, less 57 %
  rally_2021      2021-01-01 to 2021-04-15, up 118 %
  sideways_2023   2023-03-20 to 2023-10-16, less 3 %
"""

TEXTS: Mapping[str, tuple[str, str]] = {
    "testing": ("Reading", "Lecture"),
    "title": ("Backtest of {data}, profile {profile}", "Backtest de {data}, profil {profile}"),
    "columns": (
        "Period (UTC),>Trades,>Return,>Buy and hold,>Drawdown,>Sharpe,>Win rate,>Fees,>Equity",
        "Période (UTC),>Trades,>Rendement,>Achat simple,>Repli max,>Sharpe,>Gagnants,>Frais,>Capital",
    ),
    "speed": (
        "{bars} candles of {symbols} in {simulation:.3f} s, {ticks} ticks",
        "{bars} bougies de {symbols} en {simulation:.3f} s, {ticks} ticks",
    ),
    "report": ("report: {path}", "rapport : {path}"),
    "agrees": (
        "vectorbt makes {percent:.4%} of difference at most of the same {fills} fills",
        "vectorbt trouve au plus {percent:.4%} d'écart pour les mêmes {fills} exécutions",
    ),
    "differs": (
        "vectorbt does not agree: {percent:.4%} of difference, {refused} of {fills} fills refused",
        "vectorbt n'est pas d'accord : {percent:.4%} d'écart, {refused} exécutions refusées sur {fills}",
    ),
    "saved": ("saved as backtest {numbers}", "enregistré : backtest {numbers}"),
}

_PERIOD = re.compile(r"(\d+)([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def command(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="One venue's candles; default: the bundled recording.")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option(metavar="LIST", help="Like BTC/EUR,ETH/EUR; default: all recorded in one currency.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="First tick, UTC.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Last tick, UTC.")] = None,
    period: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Like 30d, 6m or 2y: so long before the end.")
    ] = None,
    stress: Annotated[str | None, typer.Option(metavar="LIST", help="Named periods, see below.")] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="aggressive, swing or platform.")] = None,
    cash: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Quote currency; default 10,000.")] = None,
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Cadence; default 5m, or the candles' length.")
    ] = None,
    spread_bps: Annotated[float, typer.Option(metavar="BPS", help="Ask over bid.")] = 4.0,
    finest: Annotated[
        str | None, typer.Option(metavar="TIMEFRAME", help="Leave finer candles aside: 1h tests years in one cadence.")
    ] = None,
    delay: Annotated[bool, typer.Option("--delay", help="Late and missed ticks, as a busy runner has them.")] = False,
    bot: Annotated[
        str | None, typer.Option(metavar="NAME", help="With this bot's own settings, from the database.")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Settings that were tried before these were chosen, these included.")
    ] = 1,
    check: Annotated[bool, typer.Option("--check", help="Replay the fills in vectorbt; --report does so too.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Keep the result in the database, for `bot live`.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML report.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")] = False,
    lang: Annotated[str | None, typer.Option(metavar="en|fr", help="Language of this command.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Test the settings on recorded candles: the very functions that the bot runs by, compiled.

    Fees, spread, slippage, partial fills, steps and smallest sizes are those of a rehearsal, and
    so is every trade. The first run compiles for some seconds; later ones start at once.
    """
    try:
        session.reported = False
        session.begin(json=json, debug=debug, language=lang)
        request = BacktestRequest(
            settings=_settings(data, symbols, profile, bot),
            data=data.expanduser() if data else None,
            symbols=read_symbols(symbols, "--symbols") if symbols else (),
            every_ms=round(seconds(every, "--every") * 1000) if every else 0,
            spread_bps=spread_bps,
            delay=STATED if delay else None,
            timeframes=_from(finest) if finest else (),
        )
        if cash:
            request = replace(request, cash=amount(cash, "--cash"))
        periods = _periods(request, start, end, period, stress)
        code = _test(request, periods, report, trials=trials, check=check, save=save)
    except (Exception, KeyboardInterrupt) as problem:
        code = show_error(problem)
    raise typer.Exit(code)


def _settings(data: Path | None, symbols: str | None, profile: str | None, bot: str | None) -> Any:
    """The settings of this installation or of one bot, its symbols replaced by those of the data."""
    recorded = open_history(data.expanduser() if data else None, read_symbols(symbols, "--symbols") if symbols else ())
    return load(
        {
            **(_own(bot) if bot else {}),
            **({"profile": profile} if profile else {}),
            "market.symbols": list(recorded.symbols),
            "market.quote": recorded.symbols[0].partition("/")[2],
        }
    )


def _own(bot: str) -> dict[str, Any]:
    """What a bot has set for itself, by dotted names. Raises ConfigError, DatabaseError."""
    from bot.cli.commands.config import dotted
    from bot.cli.wiring import open_config

    with open_config() as config:
        return dict(dotted(config.show(bot)["overrides"]))


def _from(finest: str) -> tuple[str, ...]:
    """All timeframes from this one on."""
    if finest not in TIMEFRAMES_MS:
        raise ConfigError(
            f"not a timeframe: {finest!r}", where="--finest", fix=f"choose among {', '.join(TIMEFRAMES_MS)}"
        )
    return tuple(name for name, step in TIMEFRAMES_MS.items() if step >= TIMEFRAMES_MS[finest])


def _periods(
    request: BacktestRequest, start: str | None, end: str | None, period: str | None, stress: str | None
) -> dict[str, tuple[int, int]]:
    """First and last tick by the period's name; 0 is "all that is recorded". Raises ConfigError."""
    if stress:
        if start or end or period:
            raise ConfigError("a stress set has its own period", where="--stress", fix="leave --from, --to, --period")
        names = [name.strip() for name in stress.split(",") if name.strip()]
        unknown = [name for name in names if name not in STRESS]
        if unknown or not names:
            raise ConfigError(
                f"unknown stress set: {', '.join(unknown) or stress!r}", where="--stress",
                fix=f"choose among {', '.join(STRESS)}",
            )  # fmt: skip
        return {name: (moment_ms(STRESS[name][0], name), moment_ms(STRESS[name][1], name)) for name in names}
    end_ms = moment_ms(end, "--to") if end else 0
    if period is None:
        return {"": (moment_ms(start, "--from") if start else 0, end_ms)}
    told = _PERIOD.fullmatch(period.strip().lower())
    if told is None or start:
        raise ConfigError(f"not a period: {period!r}", where="--period", fix="write 30d, 6m or 2y, without --from")
    if not end_ms:
        recording = open_history(request.data, request.symbols)
        end_ms = min(recording.finest(symbol).end_ms for symbol in recording.symbols)
    return {"": (end_ms - int(told[1]) * _DAYS[told[2]] * TIMEFRAMES_MS["1d"], end_ms)}


def _test(
    request: BacktestRequest,
    periods: Mapping[str, tuple[int, int]],
    report: Path | None,
    *,
    trials: int,
    check: bool,
    save: bool,
) -> int:
    began = time.perf_counter()
    runs: dict[str, Document] = {}
    reports: dict[str, Path] = {}
    with progress(_say("testing"), float(len(periods))) as advance:
        for n, (name, (start_ms, end_ms)) in enumerate(periods.items()):
            own = replace(request, start_ms=start_ms, end_ms=end_ms)
            replayed = check or report is not None
            result = run_backtest(own, _told_by(advance, n), keep_fills=replayed)
            data = request.data.name if request.data else "synthetic"
            title = name or f"{data} {result.settings.profile}"
            runs[name] = document(result, title, data, request.data is None) | checks(result, trials, replayed=replayed)
            if own.delay is not None:
                runs[name]["delay"] = _delay_cost(own, runs[name])
            runs[name] |= {
                "name": name, "command": _command(), "code_version": code_version(), "made_at": iso(wall_ms()),
            }  # fmt: skip
    took_s = round(time.perf_counter() - began, 3)
    for name, one in runs.items():
        one["duration_s"] = took_s
        if report is not None:
            reports[name] = _write(one, report, name)
    saved = _save(runs) if save else {}
    told = runs.get("", {"stress": runs, "duration_s": took_s})
    session.report(told, lambda _: [*_blocks(runs, reports), *_more(runs, saved)])
    return 0


def _delay_cost(request: BacktestRequest, delayed: Document) -> Document:
    """The same with every tick on time, beside what it came to with the delays."""
    assert request.delay is not None
    punctual = document(run_backtest(replace(request, delay=None)), "", "")["metrics"]
    names = ("total_return", "max_drawdown", "total_trades")
    late = delayed["metrics"]
    return {
        "on_time": {name: punctual[name] for name in names},
        "delayed": {name: late[name] for name in names},
        "cost_frac": (punctual["total_return"] or 0.0) - (late["total_return"] or 0.0),
        "median_s": statistics.median(request.delay.delays_ms or (0,)) / 1000,
        "missed_frac": request.delay.missed_frac,
        "source": request.delay.name,
    }


def _command() -> str:
    return shlex.join(["python", "-m", "training", *sys.argv[1:]])


def _save(runs: Mapping[str, Document]) -> dict[str, int]:
    """Rows in the table `backtests`: their numbers. Raises DatabaseError."""
    from bot.cli.wiring import open_backtests

    with open_backtests() as store:
        for run in runs.values():
            run["backtest_id"] = store.add(run)
    return {name: run["backtest_id"] for name, run in runs.items()}


def _more(runs: Mapping[str, Document], saved: Mapping[str, int]) -> list[Block]:
    """What another simulation says of the same fills, and where the result is kept."""
    told: list[Block] = []
    for run in runs.values():
        if (found := run.get("crosscheck")) is not None:
            percent = max(found["equity_difference"], found["return_difference"])
            words = _say("agrees" if found["agrees"] else "differs", percent=percent, **_counts(found))
            told.append(Line(words, FAINT if found["agrees"] else BAD))
    if saved:
        told.append(Line(_say("saved", numbers=", ".join(map(str, saved.values())))))
    return told


def _counts(found: Document) -> dict[str, int]:
    return {"fills": found["fills"], "refused": found["refused"]}


def _told_by(advance: Advance, done: int) -> Progress:
    return lambda share, what: advance(done + share, what)


def _write(run: Document, report: Path, name: str) -> Path:
    from training.report.page import write_report

    path = report.with_stem(f"{report.stem}-{name}") if name else report
    return write_report(run, path.expanduser(), session.speak())


def _say(name: str, **values: object) -> str:
    english, french = TEXTS[name]
    return (french if session.speak() == "fr" else english).format(**values)


def _blocks(runs: Mapping[str, Document], reports: Mapping[str, Path]) -> list[Block]:
    first = next(iter(runs.values()))
    rows = [_row(name, run) for name, run in runs.items()]
    lines: list[Block] = [
        Heading(_say("title", data=first["data"], profile=first["profile"])),
        table(_say("columns").split(","), rows),
    ]
    bars = sum(run["bars"] for run in runs.values())
    ticks = sum(run["ticks"] for run in runs.values())
    simulation = sum(run["simulation_s"] for run in runs.values())
    speed = _say("speed", bars=f"{bars:,}", symbols=len(first["symbols"]), simulation=simulation, ticks=f"{ticks:,}")
    told = [*lines, Line(speed, FAINT)]
    return [*told, *(Line(_say("report", path=path)) for path in reports.values())]


def _row(name: str, run: Document) -> list[Cell]:
    figures = run["metrics"]
    period = f"{run['period']['from'][:10]} .. {run['period']['to'][:10]}"
    made = figures["total_return"] or 0.0
    return [
        Cell(f"{name}  {period}".strip()),
        Cell(str(figures["total_trades"])),
        Cell(_percent(made), GOOD if made > 0 else BAD),
        Cell(_percent(figures["buy_and_hold_return"])),
        Cell(_percent(figures["max_drawdown"])),
        Cell("-" if figures["sharpe_ratio"] is None else f"{figures['sharpe_ratio']:.2f}"),
        Cell(_percent(figures["win_rate"])),
        Cell(f"{figures['total_fees']:,.2f}"),
        Cell(f"{run['equity_end']:,.2f} {run['quote']}"),
    ]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}" if value < 0 else f"{value:.1%}"
