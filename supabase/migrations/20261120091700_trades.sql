-- Trades: a position from first entry to last exit.
create table trades (
  trade_id text primary key references orders (client_id),
  bot_id integer not null references bots,
  symbol text not null,
  status text not null check (status in ('open', 'closed')),
  strategy text not null,
  entry_at timestamptz not null,
  exit_at timestamptz,
  entry_price numeric not null check (entry_price > 0),
  exit_price numeric check (exit_price > 0),
  quantity numeric not null check (quantity > 0),
  open_quantity numeric not null check (open_quantity between 0 and quantity),
  entry_cost numeric not null check (entry_cost >= 0),
  exit_proceeds numeric not null check (exit_proceeds >= 0),
  fees numeric not null,
  pnl numeric not null,
  stop_price numeric check (stop_price > 0),
  target_price numeric check (target_price > 0),
  high_water numeric not null check (high_water >= 0),
  armed boolean not null,
  exit_reason text not null default '',
  fence bigint not null check (fence > 0),
  check ((status = 'closed') = (open_quantity = 0)),
  check (status = 'open' or exit_at is not null),
  check (exit_at is null or exit_at >= entry_at)
);

comment on table trades is 'One row per trade, named by the client id of its entry.';
comment on column trades.entry_price is 'Mean over the entry fills, quote currency.';
comment on column trades.quantity is 'Base units bought so far.';
comment on column trades.open_quantity is 'Of those still held.';
comment on column trades.entry_cost is 'Quote currency, before fees.';
comment on column trades.exit_proceeds is 'Quote currency, before fees.';
comment on column trades.pnl is 'exit_proceeds - cost of what was sold - fees so far, quote currency; final when closed.';
comment on column trades.high_water is 'Highest price since entry.';
comment on column trades.armed is 'The trailing stop has begun.';

create index trades_open on trades (bot_id) where status = 'open';
create index trades_history on trades (bot_id, entry_at desc);

alter table trades enable row level security;
revoke all on trades from public, anon, authenticated;
grant select on trades to authenticated;
grant all on trades to service_role;
create policy trades_are_read on trades for select to authenticated using (true);
