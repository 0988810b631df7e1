"""The lean loader gives the very class that ccxt's package gives, and steps aside when it cannot."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PORTRAIT = """
import hashlib, json, sys
def portrait(cls):
    exchange = cls()
    exchange.apiKey, exchange.secret = "key", "c2VjcmV0"
    exchange.nonce = lambda: 1616492376594
    describe = json.dumps(exchange.describe(), default=repr, sort_keys=True)
    private = sorted(exchange.api) if isinstance(exchange.api, dict) else []
    signed = exchange.sign("OHLC", ["public"], "GET", {"pair": "XBTEUR"}) if cls.__name__ == "kraken" else None
    return {
        "name": cls.__name__, "module": cls.__module__,
        "bases": [f"{base.__module__}.{base.__name__}" for base in cls.__mro__],
        "describe": hashlib.sha256(describe.encode()).hexdigest(),
        "attributes": sorted(dir(cls)), "instance": sorted(vars(exchange)), "api": private, "signed": signed,
        "error": type(exchange).handle_errors.__module__,
    }
"""


def run(code: str) -> dict:
    done = subprocess.run([sys.executable, "-c", PORTRAIT + code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("exchange_id", ["kraken", "binance", "bybit"])
def test_lean_class_is_the_class_of_the_package(exchange_id):
    lean = run(
        f"from bot.adapters.ccxt_loader import load_exchange\n"
        f"print(json.dumps(portrait(load_exchange({exchange_id!r}))))"
    )
    package = run(f"import ccxt.async_support as c\nprint(json.dumps(portrait(c.{exchange_id})))")
    assert lean == package


def test_lean_load_leaves_the_siblings_and_requests_alone():
    seen = run(
        "from bot.adapters.ccxt_loader import load_exchange\n"
        "load_exchange('kraken'); load_exchange('kraken')\n"
        "modules = [m for m in sys.modules if m.startswith('ccxt.async_support.') and '.base' not in m]\n"
        "absent = not any(m == 'requests' or m.startswith('requests.') for m in sys.modules)\n"
        "import requests, requests.exceptions\n"
        "print(json.dumps({'modules': modules, 'absent': absent, 'real': requests.__file__ is not None,"
        " 'timeout': requests.exceptions.Timeout.__module__, 'session': requests.Session().trust_env}))"
    )
    assert seen == {
        "modules": ["ccxt.async_support.kraken"],
        "absent": True,
        "real": True,
        "timeout": "requests.exceptions",
        "session": True,
    }


@pytest.mark.parametrize(
    "trouble",
    [
        "loader.VERIFIED_VERSION = '0.0.1'",
        "loader._package_root = lambda: __import__('pathlib').Path('/nowhere') / 1",
        "loader._shell = lambda name, folder: None",
    ],
    ids=["another version", "no package folder", "no shells"],
)
def test_falls_back_to_the_package_when_anything_is_off(trouble):
    seen = run(
        f"import bot.adapters.ccxt_loader as loader\n{trouble}\n"
        "cls = loader.load_exchange('kraken')\nimport ccxt.async_support\n"
        "print(json.dumps({'same': cls is ccxt.async_support.kraken, 'all': len(ccxt.async_support.exchanges) > 50}))"
    )
    assert seen == {"same": True, "all": True}


def test_uses_the_package_where_it_is_loaded_already():
    seen = run(
        "import ccxt.async_support as c\nfrom bot.adapters.ccxt_loader import load_exchange\n"
        "print(json.dumps({'same': load_exchange('kraken') is c.kraken}))"
    )
    assert seen == {"same": True}


@pytest.mark.parametrize("exchange_id", ["nosuchvenue", "../kraken", "base", ""])
def test_unknown_exchange_is_a_setting_to_mend(exchange_id):
    seen = run(
        "from bot.adapters.ccxt_loader import load_exchange\nfrom bot.domain.errors import ConfigError\n"
        f"try:\n    load_exchange({exchange_id!r})\n"
        "except ConfigError as error:\n    print(json.dumps({'where': error.where}))"
    )
    assert seen == {"where": "exchange.id"}
