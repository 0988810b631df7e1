-- Exactly one answer for each bot, symbol and candle, "no trade because ..." included.
create table verdicts (
  bot_id integer not null references bots,
  symbol text not null,
  timeframe text not null,
  bar_at timestamptz not null,
  verdict text not null check (verdict in ('enter', 'exit', 'hold', 'no_trade')),
  reasons jsonb not null check (jsonb_typeof(reasons) = 'array'),
  slot_at timestamptz not null,
  primary key (bot_id, symbol, timeframe, bar_at)
);

comment on table verdicts is 'One row per bot, symbol, timeframe and candle: the first answer stays.';
comment on column verdicts.bar_at is 'Open time of the candle.';
comment on column verdicts.reasons is '[{"rule", "effect", "values"}] in the order in which the rules spoke.';
comment on column verdicts.slot_at is 'The slot in which it was decided.';

create index verdicts_newest on verdicts (bot_id, symbol, bar_at desc);
create index verdicts_slot on verdicts (slot_at);

alter table verdicts enable row level security;
revoke all on verdicts from public, anon, authenticated;
grant select on verdicts to authenticated;
grant all on verdicts to service_role;
create policy verdicts_are_read on verdicts for select to authenticated using (true);
