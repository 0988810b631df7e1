"""The outside world behind the ports of `bot.domain.ports`: venue, database, paper venue."""
