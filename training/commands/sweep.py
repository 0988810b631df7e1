"""`training sweep`: many settings on one market, and how much of the best is luck."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.arguments import amount, moment_ms, seconds
from bot.cli.arguments import symbols as read_symbols
from bot.cli.blocks import FAINT, Block, Line
from bot.cli.errors import show_error
from bot.cli.render import Advance as Shown
from bot.cli.render import progress
from bot.cli.session import session
from bot.domain.errors import ConfigError
from bot.domain.timeframes import TIMEFRAMES_MS
from bot.settings import load
from training.engine.run import BacktestRequest, open_history
from training.sweep.axes import parse_axes
from training.sweep.run import Advance, Document, SweepRequest, prepare_sweep, run_sweep
from training.sweep.searches import USUAL_TRIALS
from training.sweep.words import blocks, shown

EPILOG = """
\b
Examples:
  python -m training sweep --set risk.stop_loss_frac=0.02,0.03,0.04 --set risk.take_profit_frac=0.03..0.09:4
      all 12 combinations on the bundled recording
  python -m training sweep --data candles/binance --symbols BTC/USDT,ETH/USDT --from 2021-01-01 --to 2023-01-01 \\
      --set strategies.breakout.enabled=true,false --set risk.trailing_distance_frac=0.005..0.02:4
  python -m training sweep --search tpe --trials 300 --metric calmar_ratio --set risk.stop_loss_frac=0.01..0.08
  python -m training sweep --ray 10.0.0.1:6379 --search random --trials 5000 --set risk.stop_loss_frac=0.01..0.08 \\
      --set strategies.momentum.params.rsi_bull=50..65

\b
Values of --set:
  0.02,0.03,0.04     these
  0.005..0.02:4      four, evenly spaced, both ends included
  0.005..0.02        any number between (random and tpe); of whole numbers, all
  none|0.5@0.03,0.5@0.06   of a setting that is a list itself: | between values

\b
What was tried is kept after every trial: the same command with --resume goes on. The same seed
gives the same results with any number of workers, here or on Ray. tpe asks for 16 settings at a
time: more than 16 workers do not make it faster.
"""

TEXTS = {
    "reading": ("Reading", "Lecture"),
    "trying": ("Trying", "Essais"),
    "rate": ("{done}/{total}, {rate} a second, best {best}", "{done}/{total}, {rate} par seconde, meilleur {best}"),
    "report": ("report: {path}", "rapport : {path}"),
}


def command(
    varied: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUES", help="What to vary; again for each setting.")
    ] = None,
    search: Annotated[str, typer.Option(metavar="grid|random|tpe", help="How to go through it.")] = "grid",
    trials: Annotated[
        int | None, typer.Option(metavar="N", help=f"At most; default all of a grid, {USUAL_TRIALS} of the others.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of random and tpe.")] = 7,
    metric: Annotated[str, typer.Option(metavar="NAME", help="What the best is best at.")] = "sharpe_ratio",
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="One venue's candles; default: the bundled recording.")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option(metavar="LIST", help="Like BTC/EUR,ETH/EUR; default: all recorded in one currency.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="ISO", help="First tick, UTC.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="Last tick, UTC.")] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="aggressive, swing or platform.")] = None,
    cash: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Quote currency; default 10,000.")] = None,
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Cadence; default 5m, or the candles' length.")
    ] = None,
    spread_bps: Annotated[float, typer.Option(metavar="BPS", help="Ask over bid.")] = 4.0,
    finest: Annotated[
        str | None, typer.Option(metavar="TIMEFRAME", help="Leave finer candles aside: 1h tests years in one cadence.")
    ] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Default: all cores.")] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help='Of a Ray cluster, or "local" for one of this machine.')
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: .metronome/sweeps/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in the folder.")] = False,
    top: Annotated[int, typer.Option(metavar="N", help="Rows of the table.")] = 20,
    heat: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Heat map of these two; default: those that matter most.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")] = False,
    lang: Annotated[str | None, typer.Option(metavar="en|fr", help="Language of this command.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Try many settings on the same candles, and say how much of the best is luck.

    Each setting is one backtest: the very functions that the bot runs by, compiled. The report
    has the best with their neighbours, a heat map, the probability of overfitting, and the Sharpe
    ratio that is left when the number of tries is counted. Nothing of it is used by the bot:
    take over a setting with `python -m bot config set`.
    """
    try:
        session.reported = False
        session.begin(json=json, debug=debug, language=lang)
        overrides, recorded = _overrides(data, symbols, profile)
        backtest = BacktestRequest(
            settings=load(overrides),
            data=data.expanduser() if data else None,
            symbols=recorded,
            start_ms=moment_ms(start, "--from") if start else 0,
            end_ms=moment_ms(end, "--to") if end else 0,
            cash=amount(cash or "10000", "--cash"),
            every_ms=round(seconds(every, "--every") * 1000) if every else 0,
            spread_bps=spread_bps,
            timeframes=_from(finest) if finest else (),
        )
        if backtest.start_ms and backtest.end_ms and backtest.start_ms >= backtest.end_ms:
            raise ConfigError("the period ends before it begins", where="--from, --to", fix="give --to a later moment")
        request = SweepRequest(
            backtest, parse_axes(varied or ()), overrides, search, trials, seed, metric, workers, ray,
            out.expanduser() if out else None, resume, top,
            tuple(part.strip() for part in heat.split(",")) if heat else (),
        )  # fmt: skip
        session.report(_sweep(request), _blocks)
        code = 0
    except (Exception, KeyboardInterrupt) as problem:
        code = show_error(problem)
    raise typer.Exit(code)


def _sweep(request: SweepRequest) -> Document:
    with progress(_text("reading"), 1.0) as read:
        prepared = prepare_sweep(request, read)
    with ExitStack() as bars:
        shown_on: list[Shown] = []

        def advance(now: Advance) -> None:
            # Only now, with all workers begun: a bar has a thread, and threads and forks do not mix.
            if not shown_on:
                shown_on.append(bars.enter_context(progress(_text("trying"), now.total)))
            best = shown(request.metric, now.best)
            note = _text("rate").format(done=now.done, total=now.total, rate=f"{now.rate:.1f}", best=best)
            shown_on[0](now.done, note)

        return run_sweep(request, prepared, advance)


def _overrides(data: Path | None, symbols: str | None, profile: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the data and the command line set above this installation's settings, and the symbols."""
    asked = read_symbols(symbols, "--symbols") if symbols else ()
    recorded = open_history(data.expanduser() if data else None, asked).symbols
    overrides: dict[str, Any] = {
        "market.symbols": list(recorded),
        "market.quote": recorded[0].partition("/")[2],
    }
    return {**overrides, **({"profile": profile} if profile else {})}, recorded


def _from(finest: str) -> tuple[str, ...]:
    """All timeframes from this one on."""
    if finest not in TIMEFRAMES_MS:
        raise ConfigError(
            f"not a timeframe: {finest!r}", where="--finest", fix=f"choose among {', '.join(TIMEFRAMES_MS)}"
        )
    return tuple(name for name, step in TIMEFRAMES_MS.items() if step >= TIMEFRAMES_MS[finest])


def _blocks(document: Document) -> list[Block]:
    return [*blocks(document), Line(_text("report").format(path=document["report"]), FAINT)]


def _text(name: str) -> str:
    return TEXTS[name][session.speak() == "fr"]
