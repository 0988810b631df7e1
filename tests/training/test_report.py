"""The report as people get it: what stands in it, in both languages, and what it never does."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped, unused-ignore]

from bot.domain.errors import ConfigError
from bot.rulebook import book_rules, exits, gates, limits
from tests.training.report_browser import Page, found
from tests.training.report_samples import DATA, HOUR_MS, START_MS, document, iso
from training.report import html_report, write_report
from training.report.reading import curve, drawdown, monthly_returns
from training.report.speech import speech
from training.report.subject import subject
from training.report.summary import warnings
from training.report.texts import METRICS, TEXTS
from training.report.thinning import kept_points, merged_candles, packed_times

SECTIONS = ["summary", "equity", "months", "figures", "candles", "groups", "rules", "robustness", "settings"]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"'{count} %{y} \u2028 \ud800"
LIBRARY: str = get_plotlyjs()
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Read(HTMLParser):
    """A page taken apart. tags: how often each; text: all that is read; values: data-metric -> (value, shown)."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.values: dict[str, tuple[str | None, str]] = {}
        self.tables: dict[str, list[list[tuple[str | None, str]]]] = {}
        self.json: Any = None
        self.language = ""
        self.words: list[str] = []
        self._open: list[str] = []
        self._metric: str | None = None
        self._script = ""
        self._section = ""
        self._value: str | None = None
        self.feed(page)
        self.close()
        assert not self._open, self._open

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)
        if tag in ("section", "header"):
            self._section = given.get("id") or ""
            self.ids.append(self._section)
        if tag == "html":
            self.language = given.get("lang") or ""
        if "data-metric" in given:
            self._metric = given["data-metric"]
            self.values[self._metric or ""] = (None, "")
        if tag == "data":
            self._value = given.get("value")
            if self._metric:
                self.values[self._metric] = (self._value, "")
        if tag == "tr":
            self.tables.setdefault(self._section, []).append([])
        if tag in ("td", "th"):
            self._value = None
            self.tables[self._section][-1].append((None, ""))
        if tag == "script":
            self._script = given.get("type") or "text/javascript"

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "dd":
            self._metric = None
        if tag == "script":
            self._script = ""

    def handle_data(self, data: str) -> None:
        if self._script == "application/json":
            self.json = json.loads(data)
        if "script" in self._open or "style" in self._open:
            return
        self.words.append(data)
        if self._metric:
            self.values[self._metric] = (self.values[self._metric][0], self.values[self._metric][1] + data)
        if "td" in self._open or "th" in self._open:
            cells = self.tables[self._section][-1]
            cells[-1] = (self._value, cells[-1][1] + data)


def own(page: str) -> str:
    """The page without plotly's own five megabytes, which have to be there once."""
    before, found_it, after = page.partition(LIBRARY)
    assert found_it
    assert LIBRARY not in after
    return before + after


def read(given: dict[str, Any], language: str = "en") -> Read:
    return Read(own(html_report(given, language)))


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return document()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_section_is_there_in_its_order(whole, language):
    page = read(whole, language)
    assert page.ids == SECTIONS
    assert page.language == language
    for key in ("equity", "months", "figures", "candles", "groups", "rules", "robustness", "settings"):
        assert TEXTS[key][0 if language == "en" else 1] in page.text
    assert ("meta", "content", "width=device-width, initial-scale=1") in page.attributes
    assert "Backtest of spring 2021" in page.text
    assert whole["command"] in page.text


def test_the_figures_are_the_documents_own(whole):
    page = read(whole)
    for name in METRICS:
        told = page.values[name][0]
        seconds = {"max_drawdown_duration": 86_400, "avg_trade_duration": 3600}.get(name, 1)
        assert float(told) == whole["metrics"][name] * seconds, name
    assert page.values["sharpe_ratio"][1] == "1.23"
    assert page.values["max_drawdown_duration"][1] == "23\u00a0d 9\u00a0h"
    assert page.values["avg_trade_duration"][1] == "17\u00a0h 15\u00a0min"
    assert read(whole, "fr").values["sharpe_ratio"][1] == "1,23"


def test_groups_add_up_to_the_trades(whole):
    closed = [trade for trade in whole["trades"] if trade["exit_at"]]
    rows = [row for row in read(whole).tables["groups"] if row[1][0] is not None]
    symbols = [row for row in rows if row[0][1] in whole["symbols"]]
    assert sum(float(row[1][0]) for row in symbols) == len(closed)
    assert sum(float(row[3][0]) for row in symbols) == pytest.approx(sum(trade["pnl"] for trade in closed))
    for row in symbols:
        own_pnl = [trade["pnl"] for trade in closed if trade["symbol"] == row[0][1]]
        assert float(row[2][0]) == sum(pnl > 0 for pnl in own_pnl) / len(own_pnl)
        assert float(row[4][0]) == pytest.approx(sum(own_pnl) / len(own_pnl))
    by_exit = [row for row in rows if row[0][1] in ("stop loss", "still open")]
    stopped = [trade for trade in closed if trade["exit_reason"] == "stop_loss"]
    assert [float(row[1][0]) for row in by_exit if row[0][1] == "stop loss"] == [len(stopped)]
    assert [row[1][1] for row in by_exit if row[0][1] == "still open"] == ["1"]


def test_rules_are_named_and_those_that_never_bit_are_not(whole):
    rows = [[cell[1] for cell in row] for row in read(whole).tables["rules"][1:]]
    assert rows[0] == ["Rest after a trade cooldown", "212", "0"]
    assert rows[1] == ["Largest position position_cap", "0", "48"]
    assert rows[-1] == ["a new rule a_new_rule", "1", "0"]
    assert not any("spread" in row[0] for row in rows)


def test_only_the_checks_that_were_made_are_shown(whole):
    page = read(whole)
    for told in ("0.731", "0.183", "12,700.00", "0.0021%", "slot ledger", "1 Apr 2021 \u2013 1 May 2021", "1 min 11 s"):
        assert told in page.text, told
    some = {key: value for key, value in whole.items() if key not in ("delay", "monte_carlo", "crosscheck")}
    text = read(some).text
    assert TEXTS["random_entries"][0] in text
    for key in ("delay", "monte_carlo", "crosscheck", "overfitting"):
        assert TEXTS[key][0] not in text
    assert TEXTS["robustness.none"][0] in read({"trades": []}).text


def test_lone_numbers_for_checks_and_rules():
    page = read(
        {"deflated_sharpe": 0.99, "random_entries": {"p_value": 0.01}, "rules": {"cash": 3}, "overfitting": 0.1}
    )
    assert "0.990" in page.text
    assert "0.010" in page.text
    assert [cell[1] for cell in page.tables["rules"][1]] == ["Free cash cash", "3", "\u2013"]


def test_names_may_hold_anything(whole):
    given = copy.deepcopy(whole)
    given["title"] = given["profile"] = given["command"] = given["data"] = HOSTILE
    given["symbols"][0] = HOSTILE
    given["candles"] = {HOSTILE: given["candles"].pop("C0/USDT"), **given["candles"]}
    for trade in given["trades"]:
        trade["strategy"] = trade["exit_reason"] = HOSTILE
        trade["symbol"] = HOSTILE if trade["symbol"] == "C0/USDT" else trade["symbol"]
    given["settings"][HOSTILE] = HOSTILE
    given["rules"][HOSTILE] = {"blocked": 1, "shrunk": 1}
    given["monte_carlo"][HOSTILE] = HOSTILE
    given["delay"] = HOSTILE
    page, harmless = read(given), read(whole)
    assert page.tags["script"] == harmless.tags["script"] == 3
    assert page.tags["img"] == 0
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    kept = HOSTILE.replace("\ud800", "?")
    assert page.json["symbols"][0]["name"] == kept
    assert page.json["symbols"][0]["trades"][0][7] == kept
    assert kept.replace("\u2028 ", "") in page.text
    html_report(given, "fr").encode("utf-8")


def test_nothing_is_fetched_from_anywhere(whole):
    given = copy.deepcopy(whole)
    given["data"] = "see https://example.org/"
    rest = own(html_report(given))
    page = Read(rest)
    assert not [each for each in page.attributes if each[1] in ("src", "href", "action", "srcset", "poster", "ping")]
    assert not re.search(r"https?://|//[a-z]+\.|url\(|@import|fetch\(|XMLHttpRequest", rest.replace(given["data"], ""))
    policy = next(
        value for tag, name, value in page.attributes if (tag, name) == ("meta", "content") and "src" in value
    )
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_every_text_is_there_in_both_languages():
    for key, both in TEXTS.items():
        assert all(text.strip() for text in both), key
        assert len({tuple(sorted(re.findall(r"\{(\w+)\}", text))) for text in both}) == 1, key
        if len(both[0]) > 20:
            assert both[0] != both[1], key
    for name in METRICS:
        assert f"metric.{name}" in TEXTS
        assert f"meaning.{name}" in TEXTS


def test_the_rulebooks_names_have_words():
    rules = {*book_rules.BOOK_RULES, *gates.GATE_RULES, *limits.RULE_NAMES} - {""}
    assert {name for name in rules if f"rule.{name}" not in TEXTS} == set()
    assert {name for name in exits.EXIT_RULES if name and f"exit.{name}" not in TEXTS} == set()


def test_a_french_page_has_no_english_sentence(whole):
    text = read(whole, "fr").text
    english = [both[0] for both in TEXTS.values() if both[0] != both[1] and len(both[0]) > 12]
    assert not [sentence for sentence in english if "{" not in sentence and sentence in text]
    assert "du 1er avr. 2021 au 30 juin 2021 UTC" in text
    assert "10 000,00 USDT seraient devenus" in text
    assert not re.search(r"\d%", text)


def test_ten_symbols_four_years_and_a_thousand_trades_stay_small():
    large = document(symbols=10, points=35_000, trades=1000)
    page = html_report(large)
    rest = own(page)
    assert len(rest.encode()) < 1_500_000
    drawn = Read(rest).json
    assert len(drawn["symbols"]) == 10
    assert sum(len(one["trades"]) for one in drawn["symbols"]) == 1000
    values = np.array([value for _, value in large["equity"]])
    assert max(drawn["equity"]["equity"]) == pytest.approx(values.max(), rel=1e-6)
    assert min(drawn["equity"]["equity"]) == pytest.approx(values.min(), rel=1e-6)
    assert min(drawn["equity"]["drawdown"]) == pytest.approx(-100 * drawdown(values).max(), rel=1e-3)


def test_more_trades_than_can_be_drawn_keep_the_ones_that_mattered():
    given = document(symbols=1, trades=1)
    trade = {**given["trades"][0], "exit_at": iso(START_MS + 9 * HOUR_MS), "exit_price": 1.0}
    given["trades"] = [trade | {"pnl": float(place)} for place in range(4000)]
    one = read(given).json["symbols"][0]
    assert one["count"] == 4000
    assert sorted(drawn[4] for drawn in one["trades"]) == list(range(2500, 4000))


@pytest.mark.parametrize("trades", [0, 1, 2])
def test_few_trades(trades):
    page = read(document(trades=trades))
    assert page.ids == SECTIONS
    key = "warn.no_trades" if trades == 0 else "warn.few"
    assert TEXTS[key][0].split("{")[0].rstrip("(") in page.text
    assert page.values["profit_factor"][1] == ("\u2013" if trades < 2 else page.values["profit_factor"][1])


NONSENSE: list[dict[str, Any]] = [
    {},
    {"metrics": dict.fromkeys(METRICS), "trades": None, "equity": None, "period": None},
    {"metrics": dict.fromkeys(METRICS, float("nan")), "equity": [[1, float("inf")], [2, None], "x", [3]]},
    {"trades": [None, 5, {"symbol": None}, {"entry_at": "?"}, {"entry_at": "2021-01-01"}], "symbols": "BTC"},
    {"trades": [{"entry_at": 1e18, "exit_at": 2e18, "symbol": "A", "pnl": "1.5"}], "candles": {"A": {"t": [1]}}},
    {"candles": {"A": {"t": [1, None, 3], "o": [1, 2, 3], "h": [1, 2, None], "l": [1, 2, 3], "c": [1, 2, 3]}}},
    {"equity": [[START_MS, 0.0], [START_MS + 1, 0.0]], "equity_start": 0, "rules": {"x": None}, "walk_forward": [1]},
    {"equity": [[START_MS, 5.0]], "monte_carlo": [1, 2], "delay": [], "crosscheck": {"a": {"b": {"c": [{}]}}}},
    {"settings": {"a": [], "b": {}, "c": None, "d": [{"e": 1}]}, "deflated_sharpe": {"value": None}, "quote": None},
]


@pytest.mark.parametrize("given", NONSENSE)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_is_missing_or_nonsense_is_a_dash(given, language):
    page = read(given, language)
    assert page.ids == SECTIONS
    assert page.values["sharpe_ratio"] == (None, "\u2013")
    assert not re.search(r"\b(nan|None(?! of)|inf|Infinity)\b", page.text)


def test_an_unknown_language_reads_english(whole):
    assert html_report(whole, "de") == html_report(whole, "en")


def test_equal_documents_give_equal_pages(whole):
    assert html_report(whole) == html_report(json.loads(json.dumps(whole)))


WARNED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"metrics": {"total_trades": 29}}, ["few"]),
    ({"metrics": {"total_trades": 30}}, []),
    ({"metrics": {"total_trades": 0}}, ["no_trades"]),
    ({"metrics": {"total_return": 0.1, "buy_and_hold_return": 0.2}}, ["hold"]),
    ({"metrics": {"total_return": 0.2, "buy_and_hold_return": 0.2}}, []),
    ({"metrics": {"max_drawdown": 0.15}}, []),
    ({"metrics": {"max_drawdown": 0.1501}}, ["drawdown"]),
    ({"deflated_sharpe": 0.9499}, ["deflated"]),
    ({"deflated_sharpe": {"probability": 0.95}}, []),
    ({"random_entries": {"p_value": 0.0501}}, ["chance"]),
    ({"random_entries": {"p_value": 0.05}}, []),
    ({"overfitting": {"pbo": 0.21}}, ["overfitting"]),
    ({"errors": 2}, ["errors"]),
]


@pytest.mark.parametrize(("given", "expected"), WARNED)
def test_warnings_say_what_the_numbers_say(given, expected):
    base: dict[str, Any] = {"metrics": {"total_trades": 100}}
    it = subject({**base, **given, "metrics": {**base["metrics"], **given.get("metrics", {})}}, "en")
    assert [key for key, _ in warnings(it)] == expected


def test_a_page_without_a_warning_says_so():
    assert TEXTS["warn.none"][0] in read({"metrics": {"total_trades": 100}}).text


def test_months_compound_to_their_year():
    day = 24 * HOUR_MS
    points = ((-1, 100.0), (1, 80.0), (29, 110.0), (30, 99.0), (275, 198.0))
    equity = curve([[START_MS + at * day, value] for at, value in points])
    table = monthly_returns(equity, 100.0)
    assert table[2021] == {
        3: 0.0, 4: pytest.approx(0.1), 5: pytest.approx(-0.1), 0: pytest.approx(-0.01),
    }  # fmt: skip
    assert table[2022] == {1: pytest.approx(1.0), 0: pytest.approx(1.0)}
    assert monthly_returns(equity, 50.0)[2021][3] == pytest.approx(1.0)
    assert monthly_returns(curve([]), None) == {}


def test_thinned_points_keep_every_columns_extremes():
    random = np.random.default_rng(3)
    columns = [random.normal(size=35_000), np.where(random.random(35_000) < 0.5, np.nan, random.normal(size=35_000))]
    kept = kept_points(columns, 400)
    assert len(kept) < 2100
    assert np.all(np.diff(kept) > 0)
    assert {0, 34_999} <= set(kept.tolist())
    for column in columns:
        assert {int(np.nanargmax(column)), int(np.nanargmin(column))} <= set(kept.tolist())
    assert kept_points([np.arange(5.0)], 400).tolist() == [0, 1, 2, 3, 4]


def test_merged_candles_span_what_they_were_made_of():
    low, high = np.arange(10.0), np.arange(10.0) + 2
    starts, merged = merged_candles([low + 0.5, high, low, low + 1], 4)
    assert starts.tolist() == [0, 3, 6, 9]
    assert [column.tolist() for column in merged] == [
        [0.5, 3.5, 6.5, 9.5], [4.0, 7.0, 10.0, 11.0], [0.0, 3.0, 6.0, 9.0], [3.0, 6.0, 9.0, 10.0],
    ]  # fmt: skip


def test_packed_times_unpack():
    ms = np.array([START_MS, START_MS + 3 * HOUR_MS, START_MS + 4 * HOUR_MS])
    packed = packed_times(ms)
    assert packed == {"first": START_MS, "unit": HOUR_MS, "steps": [3, 1]}
    assert packed_times(ms[:0])["steps"] == []


SAID = [
    ("en", "money", 1234.5, "1,234.50\u00a0EUR"), ("fr", "money", 1234.5, "1\u00a0234,50\u00a0EUR"),
    ("en", "money", -0.0001234, "\u22120.0001234\u00a0EUR"), ("en", "money", None, "\u2013"),
    ("en", "money", -0.000000001, "0.00000000\u00a0EUR"),
    ("en", "percent", -0.1234, "\u221212.3%"), ("fr", "percent", 0.5, "50,0\u00a0%"), ("en", "plain", 14.20, "14.2"),
    ("en", "date", START_MS, "1 Apr 2021"), ("fr", "date", START_MS, "1er avr. 2021"),
    ("fr", "moment", START_MS + HOUR_MS, "1er avr. 2021 01:00"), ("en", "date", 10**18, "\u2013"),
    ("en", "duration", 45, "45\u00a0s"), ("en", "duration", 71, "1\u00a0min 11\u00a0s"),
    ("en", "duration", 3 * 3600 + 300, "3\u00a0h 5\u00a0min"), ("fr", "duration", 12.17 * 86_400, "12\u00a0j 4\u00a0h"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "way", "value", "expected"), SAID)
def test_numbers_read_as_the_language_writes_them(language, way, value, expected):
    assert getattr(speech(language, "EUR"), way)(value) == expected


def test_the_file_is_written_whole_or_not_at_all(tmp_path, whole):
    target = tmp_path / "new" / "report.html"
    assert write_report(whole, target, "fr") == target
    assert target.read_text(encoding="utf-8") == html_report(whole, "fr")
    write_report({}, target)
    assert target.read_text(encoding="utf-8") == html_report({})
    assert [entry.name for entry in target.parent.iterdir()] == ["report.html"]
    with pytest.raises(ConfigError) as failed:
        write_report(whole, target.parent)
    assert str(target.parent) in failed.value.where
    assert [entry.name for entry in tmp_path.iterdir()] == ["new"]
    assert [entry.name for entry in target.parent.iterdir()] == ["report.html"]


@pytest.mark.skipif(not DATA.is_dir(), reason="no recorded candles: ../shared/data is not there")
def test_real_candles_with_their_gaps():
    page = read(document(real=("BTC/USDT", "ADA/USDT"), points=800, trades=8))
    assert [one["name"] for one in page.json["symbols"]] == ["BTC/USDT", "ADA/USDT"]
    assert all(one["timeframe"] == "1h" and len(one["o"]) == 800 for one in page.json["symbols"])


@pytest.mark.skipif(found() is None, reason="no Chromium on this machine: the page is not opened")
def test_a_phone_opens_it_without_a_request_an_error_or_a_sideways_scroll(tmp_path, whole):
    given = copy.deepcopy(whole)
    given["symbols"].append("A" * 120)
    given["trades"][0]["symbol"] = "A" * 120
    given["settings"]["long"] = "x" * 400
    path = write_report(given, tmp_path / "report.html", "fr")
    with Page(tmp_path / "profile", width=390, height=844, touch=True, dark=True) as page:
        page.open(path)
        assert page.ask("document.documentElement.scrollWidth <= innerWidth")
        page.ask("document.querySelector('details').open = true")
        for name in ("equity", "candle"):
            page.ask(f"document.getElementById('{name}-chart').scrollIntoView()")
            page.ask(
                "new Promise((done, failed) => { const until = Date.now() + 50000; (function look() {"
                f" const drawn = document.querySelector('#{name}-chart .main-svg');"
                " if (drawn) done(); else if (Date.now() > until) failed(new Error('not drawn'));"
                " else setTimeout(look, 20); })(); })"
            )
        assert page.ask("[...document.querySelectorAll('.main-svg')].every(one => one.clientWidth <= 362)")
        assert page.ask("document.documentElement.scrollWidth <= innerWidth")
        page.ask("document.querySelector('button[data-axis=log]').click()")
        page.ask("document.querySelector('button[data-step=\"1\"]').click()")
        told = page.ask("document.getElementById('trade').textContent")
        assert re.match(
            r"Trade 1 sur 19 · acheté le \d+ avr\. 2021 \d\d:00 à \d+,\d+ \(trend_following\) · vendu", told
        )
        assert page.errors == []
        assert page.requests == [path.as_uri()]


def test_the_page_asks_the_library_to_send_nothing():
    script = (Path(__file__).parents[2] / "training" / "report" / "report.js").read_text(encoding="utf-8")
    assert "displayModeBar: false" in script
    assert "innerHTML" not in script
