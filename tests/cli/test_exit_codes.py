"""Each kind of failure has its code, says what, where and how to mend it, and shows no traceback."""

import json

import pytest

from bot.cli.errors import explain
from tests.cli.conftest import NOWHERE

ONE_TRY = {"METRONOME_EXCHANGE__RETRIES": "1"}


def says_what_where_and_fix(text):
    lines = text.splitlines()
    return lines[0].startswith("error: ") and "  where:" in text and "  to mend:" in text and "Traceback" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("tick", "--no-such-option"),
        ("tick", "--at", "yesterday"),
        ("loop", "--every", "soon"),
        ("why",),
        ("why", "--all"),
        ("close", "bitcoin"),
        ("bots", "add", "Big Bot"),
        ("rehearse", "--data", "no/such/folder"),
        ("rehearse", "--cash", "-5"),
        ("status", "--lang", "de"),
        ("config", "rollback", "one"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_end_with_2(bot, arguments, empty_database_url):
    done = bot(*arguments, DATABASE_URL=empty_database_url)
    assert done.code == 2
    assert says_what_where_and_fix(done.err)
    assert done.out == ""


def test_a_setting_out_of_range_ends_with_2_and_names_field_value_and_range(process, database_url):
    done = process("tick", DATABASE_URL=database_url, METRONOME_RISK__STOP_LOSS_FRAC="7")
    assert done.code == 2
    assert says_what_where_and_fix(done.err)
    for part in ("risk.stop_loss_frac", "7", "0.5", "METRONOME_RISK__STOP_LOSS_FRAC"):
        assert part in done.err


def test_an_unreachable_exchange_ends_with_3(process, traded):
    done = process("tick", **(traded | {"KRAKEN_API_URL": NOWHERE} | ONE_TRY))
    assert done.code == 3
    assert says_what_where_and_fix(done.err)
    assert "127.0.0.1:9" in done.err


def test_an_unreachable_database_ends_with_4(process):
    done = process("status", DATABASE_URL="postgresql://someone@127.0.0.1:9/none")
    assert done.code == 4
    assert says_what_where_and_fix(done.err)


def test_a_database_without_tables_ends_with_4_and_names_the_command_that_makes_them(bot, empty_database_url):
    done = bot("status", DATABASE_URL=empty_database_url)
    assert done.code == 4
    assert "bot migrate" in done.err


def test_a_failed_check_ends_with_5_after_the_whole_report(process, traded):
    done = process("doctor", "--json", **(traded | {"KRAKEN_API_URL": NOWHERE} | ONE_TRY))
    assert done.code == 5
    failed = {check["name"]: check["fix"] for check in done.document["checks"] if not check["ok"]}
    assert set(failed) == {"exchange"}
    assert failed["exchange"]


def test_with_json_an_error_is_the_one_document_too(process):
    done = process("tick", "--at", "yesterday", "--json")
    assert json.loads(done.out)["error"]["exit_code"] == 2
    assert done.err


def test_a_traceback_is_shown_only_when_asked_for(bot):
    done = bot("status", "--debug", DATABASE_URL="postgresql://someone@127.0.0.1:9/none")
    assert done.code == 4
    assert "Traceback" in done.err


def test_anything_unforeseen_ends_with_1_and_tells_where_without_naming_folders():
    try:
        raise ValueError("odd")
    except ValueError as problem:
        told = explain(problem)
    assert told.exit_code == 1
    assert "ValueError" in told.what
    assert "odd" in told.what
    assert "/" not in told.where


def test_a_similar_command_is_proposed(bot):
    assert "status" in bot("statsu").err
