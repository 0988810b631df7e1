"""The reference page and the rows of `bot config show`."""

from __future__ import annotations

from pathlib import Path

from bot.settings import describe, fields, load, to_dict
from bot.settings.reference import markdown

ROOT = Path(__file__).parents[2]


def test_the_page_in_docs_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == markdown(), "run: python -m bot.settings > docs/settings.md"


def test_every_field_is_documented() -> None:
    for one in fields():
        assert one.help, one.name
        assert one.kind == "bool" or one.range, f"{one.name} has no range"
        assert one.kind not in ("int", "float") or one.unit, f"{one.name} has no unit"
        assert one.source or one.name.startswith("strategies."), one.name


def test_the_rows_tell_every_setting_with_its_value_and_layer(tmp_path: Path) -> None:
    settings = load({"strategies.momentum.weight": 2}, {"METRONOME_LANGUAGE": "fr"}, tmp_path)
    rows = {row.field: row for row in describe(settings)}
    assert set(rows) == {one.name for one in fields()}
    assert rows["language"].value == "fr"
    assert rows["language"].layer == "environment, METRONOME_LANGUAGE"
    assert rows["strategies.momentum.weight"].value == 2.0
    assert rows["risk.stop_loss_frac"].unit == "fraction of entry price"
    assert rows["risk.stop_loss_frac"].range == "above 0, below 0.5"
    assert rows["market.symbols"].value == to_dict(settings)["market"]["symbols"]
