"""What prepares the bot: recordings, history, models, backtests. Imports bot; bot never imports it."""
