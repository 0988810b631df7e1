"""The command line: arguments in, one job started, one report out.

A report is a JSON document first; what a terminal shows is made from that
document and from nothing else. Commands import what they need when they run, so
that a tick does not pay for the reports.
"""
