"""Mutation testing of the modules that handle money; runs as a module, see __main__.py."""
