"""API keys: signatures, nonces, permissions.

API-Sign = base64(HMAC-SHA512(base64-decoded secret, path + SHA256(nonce + body))),
over the bytes of the body as they were sent, a form or JSON
(docs.kraken.com/exchange/guides/rest/authentication).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.domain.timeframes import to_datetime
from bot.simulator.errors import KrakenError

QUERY_FUNDS = "query-funds"
QUERY_OPEN = "query-open-trades"
QUERY_CLOSED = "query-closed-trades"
QUERY_LEDGER = "query-ledger"
MODIFY = "modify-trades"
CANCEL = "close-trades"
WITHDRAW = "withdraw-funds"
TRADING = (QUERY_FUNDS, QUERY_OPEN, QUERY_CLOSED, QUERY_LEDGER, MODIFY, CANCEL)
PERMISSIONS = frozenset({*TRADING, WITHDRAW})

MOST_NONCE = 2**64 - 1


def sign(path: str, nonce: str, body: bytes, secret: str) -> str:
    """API-Sign of a request. path: from /0 on.  secret: base64, as Kraken hands it out."""
    digest = hashlib.sha256(nonce.encode() + body).digest()
    signed = hmac.new(base64.b64decode(secret), path.encode() + digest, hashlib.sha512)
    return base64.b64encode(signed.digest()).decode()


@dataclass(slots=True)
class ApiKey:
    """A key and its secret. nonce_window: how far a nonce may lie below the highest, in the client's own units."""

    name: str
    key: str
    secret: str
    permissions: frozenset[str]
    nonce_window: int = 0
    created_ms: int = 0
    used_ms: int = 0
    highest_nonce: int = 0
    refusals: int = 0
    locked_until_ms: int = 0
    _seen: set[int] = field(default_factory=set)

    def accept(self, nonce: int) -> bool:
        """Take a nonce: above all before, or unused and within the window below the highest."""
        if nonce <= self.highest_nonce - max(self.nonce_window, 0) or nonce in self._seen:
            return False
        if not self.nonce_window and nonce <= self.highest_nonce:
            return False
        self.highest_nonce = max(self.highest_nonce, nonce)
        lowest = self.highest_nonce - self.nonce_window
        self._seen = {seen for seen in (*self._seen, nonce) if seen >= lowest}
        return True

    def describe(self) -> dict[str, Any]:
        """The key as GetApiKeyInfo tells of it: no public page shows that answer whole, its names are assumed."""
        return {
            "apiKeyName": self.name,
            "apiKey": self.key,
            "nonceWindow": str(self.nonce_window),
            "permissions": sorted(self.permissions),
            "ipAllowlist": [],
            "validUntil": "0",
            "queryFrom": "0",
            "queryTo": "0",
            "createdTime": _time_text(self.created_ms),
            "modifiedTime": _time_text(self.created_ms),
            "lastUsed": _time_text(self.used_ms),
        }


def _time_text(moment_ms: int) -> str:
    return f"{to_datetime(moment_ms):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What the check needs of a request. nonce: as it stands in the body."""

    path: str
    key: str
    signature: str
    nonce: str
    body: bytes


class KeyRing:
    """All keys of the account. lockout_after: refused requests in a row that lock a key (0: never).

    A locked key answers EGeneral:Temporary lockout for lockout_ms of the
    venue's time, and every request in that time starts it anew.
    """

    def __init__(self, lockout_after: int = 0, lockout_ms: int = 900_000) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._lockout_after = lockout_after
        self._lockout_ms = lockout_ms

    def add(
        self, name: str, permissions: Iterable[str] = TRADING, *, nonce_window: int = 0, created_ms: int = 0
    ) -> ApiKey:
        """A key that may do these things; key and secret follow from the name. Raises ValueError on a permission."""
        granted = frozenset(permissions)
        if not granted <= PERMISSIONS:
            known = ", ".join(sorted(PERMISSIONS))
            raise ValueError(f"unknown permission {min(granted - PERMISSIONS)!r}: one of {known}")
        key = base64.b64encode(hashlib.blake2b(name.encode(), digest_size=42).digest()).decode()
        secret = base64.b64encode(hashlib.blake2b(name.encode(), digest_size=64).digest()).decode()
        self._keys[key] = ApiKey(name, key, secret, granted, nonce_window, created_ms)
        return self._keys[key]

    def revoke(self, name: str) -> None:
        self._keys = {key: entry for key, entry in self._keys.items() if entry.name != name}

    def all(self) -> list[ApiKey]:
        return list(self._keys.values())

    def lock(self, key: ApiKey, now_ms: int, for_ms: int) -> None:
        """Lock a key for some of the venue's time."""
        key.locked_until_ms, key.refusals = now_ms + for_ms, 0

    def check(self, request: SignedRequest, now_ms: int) -> ApiKey:
        """The key that signed this request, its nonce taken. Raises KrakenError."""
        entry = self._keys.get(request.key)
        if entry is None:
            raise KrakenError("EAPI:Invalid key")
        if now_ms < entry.locked_until_ms:
            self.lock(entry, now_ms, max(self._lockout_ms, entry.locked_until_ms - now_ms))
            raise KrakenError("EGeneral:Temporary lockout")
        refusal = self._refusal(entry, request)
        if refusal:
            entry.refusals += 1
            if self._lockout_after and entry.refusals >= self._lockout_after:
                self.lock(entry, now_ms, self._lockout_ms)
            raise KrakenError(refusal)
        entry.used_ms, entry.refusals = now_ms, 0
        return entry

    @staticmethod
    def _refusal(entry: ApiKey, request: SignedRequest) -> str:
        right = sign(request.path, request.nonce, request.body, entry.secret)
        if not hmac.compare_digest(right.encode(), request.signature.encode("utf-8", "replace")):
            return "EAPI:Invalid signature"
        if not request.nonce.isascii() or not request.nonce.isdigit() or int(request.nonce) > MOST_NONCE:
            return "EAPI:Invalid nonce"
        return "" if entry.accept(int(request.nonce)) else "EAPI:Invalid nonce"
