-- What the venue said last: trading rules and the state of its circuit breaker, so that a tick need not ask again.
create table venue_markets (
  symbol text primary key,
  venue_id text not null,
  base text not null,
  quote text not null,
  price_step numeric not null check (price_step > 0),
  size_step numeric not null check (size_step > 0),
  min_size numeric not null check (min_size >= 0),
  min_notional numeric not null check (min_notional >= 0),
  maker_fee numeric not null,
  taker_fee numeric not null,
  status text not null
);

comment on table venue_markets is 'Cached trading rules, replaced whole.';
comment on column venue_markets.venue_id is 'The venue''s own name of the symbol.';
comment on column venue_markets.price_step is 'Smallest price move, quote currency.';
comment on column venue_markets.size_step is 'Smallest size move, base units.';
comment on column venue_markets.min_size is 'Base units.';
comment on column venue_markets.min_notional is 'Quote currency.';
comment on column venue_markets.maker_fee is 'Fraction of notional.';

alter table venue_markets enable row level security;
revoke all on venue_markets from public, anon, authenticated;
grant select on venue_markets to authenticated;
grant all on venue_markets to service_role;
create policy venue_markets_are_read on venue_markets for select to authenticated using (true);

create table venue_state (
  only_row boolean primary key default true check (only_row),
  markets_at timestamptz,
  breaker jsonb not null default '{}' check (jsonb_typeof(breaker) = 'object')
);

comment on table venue_state is 'A single row.';
comment on column venue_state.markets_at is 'When venue_markets was fetched, by the venue''s clock.';
comment on column venue_state.breaker is 'The circuit breaker as the exchange adapter keeps it.';

alter table venue_state enable row level security;
revoke all on venue_state from public, anon, authenticated;
grant select on venue_state to authenticated;
grant all on venue_state to service_role;
create policy venue_state_are_read on venue_state for select to authenticated using (true);
