"""Command line of training: `python -m training --help`."""

from __future__ import annotations

import sys

import typer

from bot.domain.errors import MetronomeError
from training import recording
from training.commands import backtest, fetch, sweep

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Prepare what the bot works with.",
)


@app.callback()
def _training() -> None:
    # Without a callback Typer would drop the name of a lone command.
    pass


app.command("recording", epilog=recording.EPILOG)(recording.command)
app.command("fetch", epilog=fetch.EPILOG)(fetch.command)
app.command("backtest", epilog=backtest.EPILOG)(backtest.command)
app.command("sweep", epilog=sweep.EPILOG)(sweep.command)


def main() -> None:
    try:
        app()
    except MetronomeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
