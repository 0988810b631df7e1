"""Nothing but one document on standard output, no colour in a pipe, no secret anywhere, two languages."""

import json
import os
import pty
import subprocess
import sys

import pytest

from bot.cli.blocks import Cell, Heading, Line, Pairs, table
from bot.cli.render import plain
from bot.settings.environment import SECRET_NAMES
from tests.cli.conftest import ROOT, environment

ESCAPE = "\x1b"
CANARY = "canary-7f3a91"

REPORTS = [
    ("doctor",),
    ("status",),
    ("live",),
    ("bots", "list"),
    ("config", "show"),
    ("config", "set", "risk.stop_loss_frac=0.03"),
    ("config", "history"),
    ("config", "rollback", "0"),
    ("migrate",),
    ("pause",),
    ("resume",),
    ("close-all", "--yes"),
    ("tick", "--dry-run"),
    ("tick",),
    ("loop", "--for", "1s"),
    ("why", "BTC/EUR", "--replay"),
    ("why", "--replay", "--all"),
    ("bots", "add", "second"),
]


def test_every_report_is_exactly_one_json_document(trading):
    for arguments in REPORTS:
        done = trading(*arguments, "--json")
        assert done.code == 0, (arguments, done.err)
        assert isinstance(json.loads(done.out), dict), arguments
        assert done.out.count("\n") == 1, arguments


def test_a_pipe_gets_text_without_colours(trading):
    for arguments in REPORTS:
        done = trading(*arguments)
        assert done.code == 0, (arguments, done.err)
        assert done.out.strip(), arguments
        assert ESCAPE not in done.out + done.err, arguments


def on_a_terminal(arguments, variables):
    """What a terminal would show, and the exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", *arguments], cwd=ROOT, env=variables, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how Linux says that the other side is gone
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return shown.decode(), process.wait()


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_unless_it_does_not_want_them(tmp_path, database_url, more, coloured):
    variables = environment(tmp_path, DATABASE_URL=database_url, TERM="xterm-256color", COLUMNS="120", **more)
    shown, code = on_a_terminal(["close", "bitcoin"], variables)
    assert code == 2
    assert ("\x1b[31m" in shown) is coloured
    shown, code = on_a_terminal(["status"], variables)
    assert code == 0
    assert ("\x1b[33m" in shown) is coloured


def test_close_all_asks_on_a_terminal_and_sells_nothing_without_a_yes(trading, tmp_path, database_url):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "close-all"],
        cwd=ROOT,
        env=environment(tmp_path, DATABASE_URL=database_url),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"n\n")
    out, err = process.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert "[y/N]" in err
    assert "Nothing was changed" in out


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_no_secret_shows_in_any_output(bot, process, trading, debug):
    canaries = {name: f"{CANARY}-{name.lower()}" for name in SECRET_NAMES if name != "DATABASE_URL"}
    outputs = [trading(*arguments, *debug, **canaries) for arguments in (("status",), ("tick",), ("config", "show"))]
    broken = f"postgresql://someone:{CANARY}@127.0.0.1:9/none"
    outputs.append(process("status", *debug, DATABASE_URL=broken, **canaries))
    outputs.append(bot("status", *debug, "--json", DATABASE_URL=f"not a url {CANARY}", **canaries))
    outputs.append(bot("tick", f"--{CANARY}-kraken_api_key", *debug, **canaries))
    outputs.append(trading("config", "set", f"exchange.url={canaries['KRAKEN_API_SECRET']}", *debug, **canaries))
    for done in outputs:
        assert CANARY + "-" not in (done.out + done.err).replace(f"--{CANARY}", "")
        assert f":{CANARY}" not in done.out + done.err


def test_reports_and_errors_speak_french(trading):
    assert "Aucune position ouverte" in trading("status", "--lang", "fr").out
    assert "erreur :" in trading("close", "bitcoin", "--lang", "fr").err
    told = trading("status", METRONOME_LANGUAGE="fr").out
    assert "règles seules" in told
    assert "1\u00a0000,00 EUR" in told


def test_a_wrong_command_line_is_told_in_the_language_that_it_asks_for(bot):
    assert "erreur :" in bot("tick", "--nothing", "--lang", "fr").err
    assert "commande inconnue" in bot("stauts", "--lang=fr").err
    assert "error:" in bot("stauts", "--lang").err


def test_reports_show_words_where_documents_have_names(trading):
    trading("tick")
    assert trading("status", "--json").document["bots"][0]["status"] == "RUNNING"
    told = trading("status").out + trading("doctor").out + trading("why", "BTC/EUR").out
    assert "running" in told
    assert not any(name in told for name in ("RUNNING", "MONITORING", "key_permissions", " -> "))


def test_the_language_setting_is_followed_and_the_option_goes_before_it(trading):
    assert "Aucune position" in trading("status", METRONOME_LANGUAGE="fr").out
    assert "No open position" in trading("status", "--lang", "en", METRONOME_LANGUAGE="fr").out


def test_plain_text_lines_columns_up():
    shown = plain(
        [Heading("H"), Pairs((("a", Cell("1")), ("long", Cell("2")))), table(("x", ">n"), [("one", 1), ("t", 22)])]
    )
    assert shown == "H\n  a     1\n  long  2\n  x     n\n  one   1\n  t    22\n"
    assert plain([Line("only")]) == "only\n"
