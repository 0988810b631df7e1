-- What rules of the whole book remember from tick to tick: it rides along with the equity that they go by.
alter table equity_snapshots
  add column breaker_peak numeric,
  add column breaker_since_at timestamptz,
  add column day_lost_at timestamptz,
  add column drawdown_peak numeric,
  add column paused_until_at timestamptz;

comment on column equity_snapshots.breaker_peak is 'Highest equity since the global breaker was last lifted; null on rows of before.';
comment on column equity_snapshots.breaker_since_at is 'When the global breaker opened; null while it is closed. Only the command lift_breaker closes it.';
comment on column equity_snapshots.day_lost_at is 'Beginning of the UTC day whose loss was too large; null for none.';
comment on column equity_snapshots.drawdown_peak is 'Highest equity since the drawdown pause last ended; null on rows of before.';
comment on column equity_snapshots.paused_until_at is 'End of the drawdown pause; null where none runs.';

alter table commands drop constraint commands_kind_check;
alter table commands add constraint commands_kind_check
  check (kind in ('pause', 'resume', 'close', 'close_all', 'lift_breaker'));
comment on table commands is 'pause and resume act at once, close, close_all and lift_breaker at the next tick.';

-- What closed on one day is read at every tick.
create index trades_by_exit on trades (bot_id, exit_at) where status = 'closed';
