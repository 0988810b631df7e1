-- Symbols that a bot stays away from, and until when.
create table symbol_cooldowns (
  bot_id integer not null references bots,
  symbol text not null,
  until_at timestamptz,
  losses integer not null check (losses >= 0),
  reason text not null,
  primary key (bot_id, symbol)
);

comment on table symbol_cooldowns is 'One row per bot and symbol.';
comment on column symbol_cooldowns.until_at is 'No entry before this.';
comment on column symbol_cooldowns.losses is 'Losing trades in a row.';

alter table symbol_cooldowns enable row level security;
revoke all on symbol_cooldowns from public, anon, authenticated;
grant select on symbol_cooldowns to authenticated;
grant all on symbol_cooldowns to service_role;
create policy symbol_cooldowns_are_read on symbol_cooldowns for select to authenticated using (true);
