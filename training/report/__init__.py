"""The report of a backtest: one HTML file that opens anywhere, without a network."""

from __future__ import annotations

from training.report.page import html_report, write_report

__all__ = ["html_report", "write_report"]
