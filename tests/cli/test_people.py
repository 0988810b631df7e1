"""What a person may change: control, settings, bots."""

import psycopg
import pytest


def rows(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_pause_acts_at_once_and_resume_takes_it_back(trading):
    assert "paused at once" in trading("pause").out
    assert trading("status", "--json").document["bots"][0]["status"] == "PAUSED"
    assert trading("resume").code == 0
    assert trading("status", "--json").document["bots"][0]["status"] == "RUNNING"


def test_closing_what_is_not_held_is_refused_and_says_what_is(trading, database_url):
    done = trading("close", "BTC/EUR")
    assert done.code == 2
    assert "no position in BTC/EUR" in done.err
    assert rows(database_url, "select count(*) from commands") == [(0,)]


def test_close_all_needs_a_yes_where_nobody_can_be_asked(trading, database_url):
    assert trading("close-all").code == 2
    assert rows(database_url, "select count(*) from commands") == [(0,)]
    assert trading("close-all", "--yes").code == 0
    assert rows(database_url, "select kind, source, done_at from commands") == [("close_all", "cli", None)]


def test_a_command_for_a_bot_that_does_not_exist_names_those_that_do(trading):
    done = trading("pause", "--bot", "nobody")
    assert done.code == 2
    assert "main" in done.err


def test_a_setting_is_changed_with_its_old_and_new_value_and_can_be_taken_back(trading):
    told = trading("config", "set", "risk.stop_loss_frac=0.03", "--note", "wider").out
    assert "was 0.025, is 0.03 (version 1)" in told
    (row,) = trading("config", "show", "--part", "risk.stop_loss_frac", "--json").document["settings"]
    assert (row["value"], row["layer"].split(",")[0]) == (0.03, "bot")
    (version,) = trading("config", "history", "--json").document["versions"]
    assert (version["note"], version["changes"]["risk.stop_loss_frac"]["to"]) == ("wider", 0.03)
    assert "wider" in trading("config", "history").out
    assert trading("config", "rollback", "0").code == 0
    (row,) = trading("config", "show", "--part", "risk.stop_loss_frac", "--json").document["settings"]
    assert row["value"] == 0.025


def test_a_value_without_anything_takes_the_setting_back(trading):
    trading("config", "set", "risk.stop_loss_frac=0.03")
    told = trading("config", "set", "risk.stop_loss_frac=").out
    assert "was 0.03, is 0.025" in told


def test_settings_that_clash_with_another_layer_are_refused_before_they_are_stored(trading, database_url):
    done = trading("config", "set", "risk.take_profit_frac=0.01")
    assert done.code == 2
    assert "risk.trailing_activation_frac" in done.err
    assert rows(database_url, "select count(*) from bot_settings") == [(0,)]


@pytest.mark.parametrize("assignment", ["market.slot_s=60", "exchange.id=binance", "exchange.timeout_s=5"])
def test_what_all_bots_share_is_no_bots_own(trading, database_url, assignment):
    done = trading("config", "set", assignment)
    assert done.code == 2
    assert "one for all bots" in done.err
    assert "METRONOME_" + assignment.partition("=")[0].upper().replace(".", "__") in done.err
    assert rows(database_url, "select count(*) from bot_settings") == [(0,)]


def test_a_bots_money_keeps_its_currency(trading, database_url):
    done = trading("config", "set", "market.quote=USD", "market.symbols=BTC/USD")
    assert done.code == 2
    assert "the money of main is EUR" in done.err
    assert rows(database_url, "select count(*) from bot_settings") == [(0,)]


def test_a_bot_whose_money_is_of_another_currency_enters_nothing_and_says_so(trading, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("update bots set quote = 'USD'")
    assert trading("tick").code == 0
    assert rows(database_url, "select count(*) from verdicts") == [(0,)]
    ((message,),) = rows(database_url, "select message from risk_events where resolved_at is null")
    assert "main enters nothing: the money of main is USD" in message


def test_an_unknown_setting_is_refused_with_the_nearest_name(trading):
    done = trading("config", "set", "risk.stop_los=0.03")
    assert done.code == 2
    assert "risk.stop_loss_frac" in done.err


def test_a_version_that_was_never_made_cannot_be_rolled_back_to(trading):
    assert trading("config", "rollback", "7").code == 2


def test_bots_stand_side_by_side_with_their_own_money_and_profile(trading):
    assert trading("bots", "add", "careful", "--cash", "500", "--profile", "swing").code == 0
    listed = {row["name"]: row for row in trading("bots", "list", "--json").document["bots"]}
    assert {name: row["profile"] for name, row in listed.items()} == {"main": "aggressive", "careful": "swing"}
    assert {name: row["cash"] for name, row in listed.items()} == {"main": 1000.0, "careful": 500.0}
    ticked = trading("tick", "--json").document
    assert [one["name"] for one in ticked["bots"]] == ["main", "careful"]
    assert "which one" in trading("config", "show").err


def test_a_name_that_is_taken_or_a_profile_that_is_none_makes_no_bot(trading):
    assert trading("bots", "add", "main").code == 2
    assert trading("bots", "add", "other", "--profile", "reckless").code == 2
    assert len(trading("bots", "list", "--json").document["bots"]) == 1


def test_doctor_passes_on_a_healthy_bot(trading):
    done = trading("doctor", "--json")
    failed = [check for check in done.document["checks"] if not check["ok"]]
    assert (done.code, failed) == (0, [])
    names = {check["name"] for check in done.document["checks"]}
    assert {"database", "migrations", "row_level_security", "exchange", "clock", "symbols", "schedule"} <= names


def test_doctor_names_symbols_that_are_not_listed_and_settings_that_are_wrong(trading):
    done = trading("doctor", "--json", METRONOME_MARKET__SYMBOLS="BTC/EUR,NOPE/EUR")
    failed = {check["name"]: check["detail"] for check in done.document["checks"] if not check["ok"]}
    assert done.code == 5
    assert "NOPE/EUR" in failed["symbols"]
    done = trading("doctor", "--json", METRONOME_RISK__STOP_LOSS_FRAC="7")
    assert "settings" in {check["name"] for check in done.document["checks"] if not check["ok"]}


def test_doctor_says_which_table_is_open_to_strangers(trading, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("create table open_door (a int)")
    failed = {check["name"]: check for check in trading("doctor", "--json").document["checks"] if not check["ok"]}
    assert "open_door" in failed["row_level_security"]["detail"]


def test_half_a_key_is_told(trading):
    done = trading("doctor", "--json", KRAKEN_API_KEY="only-half")
    failed = {check["name"]: check["fix"] for check in done.document["checks"] if not check["ok"]}
    assert "KRAKEN_API_SECRET" in failed["key_permissions"]
