"""Candle history on disk: fetched, imported, checked, hashed, and read again.

    FOLDER/BASE-QUOTE/TIMEFRAME.parquet        one series; layout of shared recordings, read by every tool
    FOLDER/manifest.json                       what each file must hold, and the spans it covers
    FOLDER/BASE-QUOTE/.TIMEFRAME.part(.state)  a fetch on its way, until it is sealed into the series

store.py reads; fetching.py and importing.py write; rows.py, spans.py, checks.py, building.py and tape.py are pure.
"""
