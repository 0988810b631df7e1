-- The ensemble's opinion on each closed decision candle, with the votes behind it.
create table signals (
  bot_id integer not null references bots,
  symbol text not null,
  timeframe text not null,
  open_at timestamptz not null,
  close_at timestamptz not null check (close_at > open_at),
  direction smallint not null check (direction in (-1, 0, 1)),
  confidence double precision not null check (confidence between 0 and 1),
  score double precision not null check (score between -1 and 1),
  leader text not null,
  atr double precision check (atr >= 0 and atr < 'Infinity'),
  votes jsonb not null check (jsonb_typeof(votes) = 'array'),
  slot_at timestamptz not null,
  primary key (bot_id, symbol, timeframe, open_at)
);

comment on table signals is 'One row per bot and closed decision candle.';
comment on column signals.leader is 'The strategy that weighed most; empty where direction is 0.';
comment on column signals.atr is 'Average true range, quote currency; null when unknown.';
comment on column signals.votes is '[{"strategy", "direction", "confidence", "reason"}].';
comment on column signals.slot_at is 'The slot in which it was computed.';

create index signals_slot on signals (slot_at);

alter table signals enable row level security;
revoke all on signals from public, anon, authenticated;
grant select on signals to authenticated;
grant all on signals to service_role;
create policy signals_are_read on signals for select to authenticated using (true);
