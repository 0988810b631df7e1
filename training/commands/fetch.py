"""`training fetch`: candle history into Parquet, or a check of what is there."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.arguments import moment_ms, seconds
from bot.cli.arguments import symbols as read_symbols
from bot.cli.blocks import BAD, FAINT, GOOD, Block, Cell, Heading, Line, table
from bot.cli.errors import show_error
from bot.cli.render import progress
from bot.cli.session import session
from bot.domain.errors import CheckFailed, ConfigError
from bot.domain.timeframes import TIMEFRAMES_MS
from bot.settings import home_directory, load_cached
from training.history.fetching import Advance, FetchRequest, fetch
from training.history.importing import ImportRequest, import_dumps
from training.history.venues import Patience
from training.history.verifying import verify

USUAL_TIMEFRAMES = "5m,1h,4h,1d"

EPILOG = """
\b
Examples:
  python -m training fetch --symbols BTC/EUR,ETH/EUR --from 2026-01-01
      from Kraken's trades: 5m candles, and 1h, 4h, 1d built from them
  python -m training fetch
      the tail of the bot's own symbols, or 30 days where nothing is stored
  python -m training fetch --from-dir Kraken_OHLCVT.zip --symbols BTC/EUR --timeframes 5m,1h,4h,1d
      years of Kraken at once, from its CSV dumps (folder or zip)
  python -m training fetch --exchange binance --symbols BTC/USDT --timeframes 1h --from 2021-01-01
  python -m training fetch --verify
      check every file against the manifest; exit code 5 when something is wrong

\b
An interrupted fetch goes on where it stopped when the same command runs again.
KRAKEN_API_URL points it at a simulator.
"""

TEXTS: Mapping[str, tuple[str, str]] = {
    "fetching": ("Fetching", "Téléchargement"),
    "importing": ("Importing", "Import"),
    "title": ("History of {exchange}", "Historique de {exchange}"),
    "columns": (
        "Symbol,Timeframe,>Candles,>New,First (UTC),Last (UTC),>Missing,>Zero volume,>Size",
        "Paire,Unité,>Bougies,>Nouvelles,Première (UTC),Dernière (UTC),>Manquantes,>Volume nul,>Taille",
    ),
    "folder": ("in {out}", "dans {out}"),
    "sound": (
        "{checked} files, {rows} candles: all as written",
        "{checked} fichiers, {rows} bougies : tout est intact",
    ),
    "wrong": ("{count} of {checked} files are not as written", "{count} fichiers sur {checked} ne sont pas intacts"),
    "fix": ("to mend: {fix}", "remède : {fix}"),
}

Document = dict[str, Any]


def command(
    symbols: Annotated[
        str | None, typer.Option(metavar="LIST", help="Like BTC/EUR,ETH/EUR. Default: the settings' own, or all there.")
    ] = None,
    timeframes: Annotated[
        str | None,
        typer.Option(metavar="LIST", help=f"Default {USUAL_TIMEFRAMES}; with --from-dir whatever is there."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="ISO", help="First candle, UTC. Default: what is missing.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="ISO", help="End, UTC. Default: now.")] = None,
    exchange: Annotated[str, typer.Option(metavar="ID", help="ccxt id: kraken, binance, ...")] = "kraken",
    from_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Take dumps from a folder or zip: Kraken CSV, Binance CSV, candle files."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: .metronome/history/EXCHANGE.")] = None,
    check: Annotated[bool, typer.Option("--verify", help="Only check the files against the manifest.")] = False,
    pace: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Between two calls for one pair; default: the venue's rule.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")] = False,
    lang: Annotated[str | None, typer.Option(metavar="en|fr", help="Language of this command.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Fetch candle history into Parquet files: DIR/BASE-QUOTE/TIMEFRAME.parquet.

    Kraken's whole past comes trade by trade, a thousand a second and pair: for years take its CSV
    dumps first, then fetch the tail. Rows are checked and hashed, gaps stay gaps, the unfinished
    candle is never stored. What is there is not fetched again.
    """
    try:
        session.reported = False
        session.begin(json=json, debug=debug, language=lang)
        folder = (out or home_directory(os.environ) / "history" / exchange).expanduser()
        if check:
            code = _verify(folder, symbols, timeframes)
        else:
            code = _bring(folder, exchange, from_dir, symbols, timeframes, start, end, pace)
    except (Exception, KeyboardInterrupt) as problem:
        code = show_error(problem)
    raise typer.Exit(code)


def _bring(
    out: Path,
    exchange: str,
    from_dir: Path | None,
    symbols: str | None,
    timeframes: str | None,
    start: str | None,
    end: str | None,
    pace: str | None,
) -> int:
    began_s = time.monotonic()
    try:
        if from_dir is not None:
            document = _import(out, exchange, from_dir.expanduser(), symbols, timeframes, start, end)
        else:
            document = _fetch(out, exchange, symbols, timeframes, start, end, pace)
    except OSError as error:
        raise ConfigError(
            f"cannot write: {error.strerror or error}",
            where=str(error.filename or out),
            fix="make room or give another --out; what was fetched is kept, run the same command again",
        ) from error
    document["duration_s"] = round(time.monotonic() - began_s, 3)
    session.report(document, fetched_blocks)
    return 0


def _fetch(
    out: Path,
    exchange: str,
    symbols: str | None,
    timeframes: str | None,
    start: str | None,
    end: str | None,
    pace: str | None,
) -> Document:
    settings = load_cached()
    same = settings.exchange.id == exchange
    if symbols is None and not same:
        raise ConfigError("no symbol given", where="--symbols", fix="write them like BTC/USDT,ETH/USDT")
    spaced = None if pace is None else 0.0 if pace.strip() in ("0", "0s") else seconds(pace, "--pace")
    with progress(_text("fetching"), 1.0) as advance:
        request = FetchRequest(
            exchange=exchange,
            symbols=read_symbols(symbols, "--symbols") if symbols is not None else tuple(settings.market.symbols),
            timeframes=_timeframes(timeframes or USUAL_TIMEFRAMES),
            out=out,
            from_ms=moment_ms(start, "--from") if start else None,
            to_ms=moment_ms(end, "--to") if end else None,
            patience=Patience(url=settings.exchange.url if same else None, pair_interval_s=spaced),
        )
        _require_order(request.from_ms, request.to_ms)
        return asyncio.run(fetch(request, _advance(advance)))


def _import(
    out: Path,
    exchange: str,
    source: Path,
    symbols: str | None,
    timeframes: str | None,
    start: str | None,
    end: str | None,
) -> Document:
    request = ImportRequest(
        exchange=exchange,
        source=source,
        out=out,
        symbols=read_symbols(symbols, "--symbols") if symbols is not None else (),
        timeframes=_timeframes(timeframes) if timeframes else (),
        from_ms=moment_ms(start, "--from") if start else None,
        to_ms=moment_ms(end, "--to") if end else None,
    )
    _require_order(request.from_ms, request.to_ms)
    with progress(_text("importing"), 1.0) as advance:
        return import_dumps(request, int(time.time() * 1000), _advance(advance))


def _verify(folder: Path, symbols: str | None, timeframes: str | None) -> int:
    document = verify(
        folder,
        read_symbols(symbols, "--symbols") if symbols is not None else (),
        _timeframes(timeframes) if timeframes else (),
    )
    session.report(document, verified_blocks)
    return CheckFailed.exit_code if document["problems"] else 0


def _advance(advance: Any) -> Advance:
    return lambda share, note: advance(share, note)


def _timeframes(value: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    unknown = [name for name in found if name not in TIMEFRAMES_MS]
    if unknown or not found:
        raise ConfigError(
            f"not a timeframe: {', '.join(unknown) or value!r}",
            where="--timeframes",
            fix=f"choose among {', '.join(TIMEFRAMES_MS)}",
        )
    return found


def _require_order(from_ms: int | None, to_ms: int | None) -> None:
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise ConfigError("the span ends before it begins", where="--from, --to", fix="give --to a later moment")


def fetched_blocks(document: Document) -> list[Block]:
    """A table of all series."""
    rows = [
        (
            file["symbol"],
            file["timeframe"],
            f"{file['rows']:,}",
            f"{file['added']:,}",
            file["first"][:16].replace("T", " "),
            file["last"][:16].replace("T", " "),
            f"{file['missing_candles']:,}",
            f"{file['zero_volume_rows']:,}",
            _size(file["bytes"]),
        )
        for file in document["files"]
    ]
    title = _text("title").format(exchange=document["exchange"])
    where = Line(_text("folder").format(out=document["out"]), FAINT)
    return [Heading(title), table(_text("columns").split(","), rows), where, *_notes(document)]


def verified_blocks(document: Document) -> list[Block]:
    """What is wrong and how to mend it, or that all is well."""
    problems, checked = document["problems"], document["checked"]
    title = _text("title").format(exchange=document["exchange"])
    if not problems:
        sound = _text("sound").format(checked=checked, rows=f"{document['rows']:,}")
        return [Heading(title), Line(sound, GOOD), *_notes(document)]
    blocks: list[Block] = [Heading(title), Line(_text("wrong").format(count=len(problems), checked=checked), BAD)]
    for problem in problems:
        blocks += [Line(f"{problem['where']}: {problem['what']}"), Line("  " + _text("fix").format(fix=problem["fix"]))]
    return [*blocks, *_notes(document)]


def _notes(document: Document) -> list[Block]:
    return [Line(note, FAINT) for note in document["notes"]]


def _size(count: int) -> Cell:
    return Cell(f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB")


def _text(name: str) -> str:
    return TEXTS[name][session.speak() == "fr"]
