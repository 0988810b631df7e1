-- What a bot was worth at each tick.
create table equity_snapshots (
  bot_id integer not null references bots,
  at timestamptz not null,
  cash numeric not null,
  positions_value numeric not null,
  equity numeric not null,
  peak_equity numeric not null,
  drawdown double precision not null check (drawdown >= 0 and drawdown < 'Infinity'),
  exposure double precision not null check (exposure >= 0 and exposure < 'Infinity'),
  fence bigint not null check (fence > 0),
  primary key (bot_id, at),
  -- Decimals of 28 digits may round the last one: a millionth is far below a cent.
  constraint equity_adds_up check (abs(cash + positions_value - equity) < 0.000001),
  check (peak_equity >= equity)
);

comment on table equity_snapshots is 'Bot metrics, one row per bot and tick; money in quote currency.';
comment on column equity_snapshots.drawdown is 'Fraction below the peak.';
comment on column equity_snapshots.exposure is 'Fraction of equity in positions.';

alter table equity_snapshots enable row level security;
revoke all on equity_snapshots from public, anon, authenticated;
grant select on equity_snapshots to authenticated;
grant all on equity_snapshots to service_role;
create policy equity_snapshots_are_read on equity_snapshots for select to authenticated using (true);
