"""Private endpoints about money and the key."""

from __future__ import annotations

import json

from bot.simulator import fee_tiers
from bot.simulator.order_texts import ledger_info
from bot.simulator.pairs import MAKER_FEES, TAKER_FEES
from bot.simulator.private import Call, PrivateEndpoint, page
from bot.simulator.wallet import asset_key, key_decimals


def balance(call: Call) -> str:
    return json.dumps(
        {asset: f"{amount:.{key_decimals(asset)}f}" for asset, amount in call.account.wallet.balances.items()}
    )


def balance_ex(call: Call) -> str:
    wallet = call.account.wallet
    return json.dumps(
        {
            asset: {
                "balance": f"{amount:.{key_decimals(asset)}f}",
                "hold_trade": f"{wallet.held(asset):.{key_decimals(asset)}f}",
            }
            for asset, amount in wallet.balances.items()
        }
    )


def ledgers(call: Call) -> str:
    """Newest first, fifty a page; filters asset and type."""
    assets = {asset_key(name) for name in call.query.get("asset", "all").split(",")}
    kind = call.query.get("type", "all")
    entries = [
        (entry.id, entry)
        for entry in call.account.wallet.ledger
        if ("all" in call.query.get("asset", "all").split(",") or entry.asset in assets) and kind in ("all", entry.type)
    ]
    found, count = page(entries, call.query, lambda entry: (entry.at_ms,))
    return json.dumps({"ledger": {name: ledger_info(entry) for name, entry in found.items()}, "count": count})


def trade_volume(call: Call) -> str:
    """The account's 30-day volume and, for the pairs that are named, its fees."""
    volume = call.account.volume_usd()
    answer: dict[str, object] = {"currency": "ZUSD", "volume": f"{volume:.4f}"}
    if call.query.get("pair"):
        ids = [history.pair.id for history in call.venue.wanted(call.query["pair"])]
        answer["fees"] = {pair_id: fee_tiers.describe(TAKER_FEES, volume) for pair_id in ids}
        answer["fees_maker"] = {pair_id: fee_tiers.describe(MAKER_FEES, volume) for pair_id in ids}
    return json.dumps(answer)


def get_api_key_info(call: Call) -> str:
    return json.dumps(call.key.describe())


ENDPOINTS: dict[str, PrivateEndpoint] = {
    "Balance": balance,
    "BalanceEx": balance_ex,
    "Ledgers": ledgers,
    "TradeVolume": trade_volume,
    "GetApiKeyInfo": get_api_key_info,
}
