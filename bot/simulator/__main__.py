"""Stand-alone simulator: `python -m bot.simulator --help`."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from bot.domain.errors import ConfigError, MetronomeError
from bot.domain.timeframes import to_datetime, to_ms
from bot.simulator.amounts import number
from bot.simulator.server import Simulator

EPILOG = """
Examples:

\b
  python -m bot.simulator
      the bundled recording, standing still at its end, on port 8787
  python -m bot.simulator --data candles/binance --symbols BTC/EUR,ETH/EUR --at 2021-05-19T12:00Z
      recorded candles at one moment
  python -m bot.simulator --at 2026-03-02T00:00Z --speed 60
      a minute of market a second

Then KRAKEN_API_URL=http://127.0.0.1:8787 points the bot at it, and

\b
  python -m bot.simulator --deposit EUR=1000 --deposit BTC=0.1
      an account with money, and a trading key whose secret is printed

\b
  curl localhost:8787/sim/clock -d '{"at": "2026-03-03T06:00:00Z"}'
  curl localhost:8787/sim/faults -d '{"endpoint": "OHLC", "kind": "502", "times": 3}'
  curl localhost:8787/sim/requests
"""

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.command(epilog=EPILOG)
def serve(
    data: Annotated[Path | None, typer.Option(help="Candle directory or packed file; default: bundled.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these, comma-separated: BTC/EUR,ETH/EUR.")] = None,
    at: Annotated[str | None, typer.Option(help="Virtual time to start at, ISO 8601, UTC. Default: the end.")] = None,
    speed: Annotated[float, typer.Option(min=0, help="Virtual seconds per second; 0 stands still.")] = 0.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8787,
    spread_bps: Annotated[float, typer.Option(min=0, help="Ask over bid, basis points.")] = 4.0,
    latency_ms: Annotated[float, typer.Option(min=0, help="Delay of every answer.")] = 0.0,
    rate_limit: Annotated[bool, typer.Option(help="Refuse what Kraken would refuse.")] = False,
    show_gaps: Annotated[bool, typer.Option(help="Flat rows where nothing traded, as Kraken does.")] = True,
    deposit: Annotated[list[str] | None, typer.Option(help="Money on the account, like EUR=1000; repeatable.")] = None,
) -> None:
    """Serve Kraken's REST protocol from recorded candles until interrupted."""
    simulator = Simulator(
        data,
        symbols=symbols.split(",") if symbols else None,
        at_ms=None if at is None else moment_ms(at),
        speed=speed,
        spread_bps=spread_bps,
        latency_ms=latency_ms,
        rate_limit=rate_limit,
        show_gaps=show_gaps,
        host=host,
        port=port,
    )
    for asset, amount in map(money, deposit or ()):
        simulator.desk.deposit(asset, amount)
    recording = simulator.recording
    with simulator:
        kind = "synthetic recording" if recording.synthetic else "recording"
        first, end = to_datetime(recording.first_ms), to_datetime(recording.end_ms)
        print(f"{kind} {recording.name!r}, {first:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
        print(f"symbols {', '.join(recording.symbols)}")
        print(f"venue time {to_datetime(simulator.clock.now_ms()).isoformat()}, speed {speed:g}")
        if deposit:
            key = simulator.desk.add_key("trade", nonce_window=10_000)
            print(f"key {key.key}")
            print(f"secret {key.secret}")
        print(f"listening on {simulator.url} (interrupt to stop)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


def money(text: str) -> tuple[str, Decimal]:
    """EUR=1000 as asset and amount. Raises ConfigError."""
    asset, _, amount = text.partition("=")
    value = number(amount)
    if not asset or value is None or value <= 0:
        raise ConfigError(f"not an amount of money: {text!r}", where="--deposit", fix="write it like EUR=1000")
    return asset, value


def moment_ms(text: str) -> int:
    """ISO 8601 as ms; UTC where it names no zone. Raises ConfigError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"not a time: {text!r}", where="--at", fix="write it like 2026-03-02T00:00Z") from error
    return to_ms(moment if moment.tzinfo else datetime.fromisoformat(text + "+00:00"))


def main() -> None:
    try:
        app()
    except MetronomeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
