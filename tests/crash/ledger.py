"""Read access to the database of a run that other processes did, for the laws of tests/jobs/books.py."""

from __future__ import annotations

import psycopg
from psycopg.rows import dict_row

from tests.jobs.world import World


class Ledger(World):
    """Only the queries of a World: its ticks were made by processes that are gone."""

    def __init__(self, url: str) -> None:
        self.db = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def close(self) -> None:
        self.db.close()
