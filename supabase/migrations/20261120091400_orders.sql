-- Orders: a row before it is a request, named by a computed client id, never out of a final status.
create table orders (
  client_id text primary key check (length(client_id) between 1 and 18),
  bot_id integer not null references bots,
  symbol text not null check (symbol <> ''),
  side text not null check (side in ('buy', 'sell')),
  leg text not null check (leg in ('entry', 'stop', 'exit')),
  type text not null check (type in ('limit', 'market', 'stop_loss')),
  status text not null check (status in (
    'planned', -- a row, not yet a request
    'submitting', -- about to be sent, or sent without an answer yet
    'open', -- rests on the venue
    'partially_filled',
    'filled',
    'cancelled',
    'rejected', -- the venue said no, in words that we know
    'expired',
    'not_placed', -- looked for after its deadline and not found
    'unknown' -- sent, and nobody can tell what came of it
  )),
  quantity numeric not null check (quantity > 0 and quantity < 'Infinity'),
  filled numeric not null default 0 check (filled >= 0),
  limit_price numeric check (limit_price > 0 and limit_price < 'Infinity'),
  stop_price numeric check (stop_price > 0 and stop_price < 'Infinity'),
  target_price numeric check (target_price > 0 and target_price < 'Infinity'),
  bar_at timestamptz not null,
  placed_at timestamptz,
  checked_at timestamptz,
  deadline_at timestamptz,
  expires_at timestamptz,
  venue_order_id text not null default '',
  trade_id text not null check (trade_id <> ''),
  reason text not null default '',
  slot_at timestamptz,
  fence bigint not null check (fence > 0),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check (filled <= quantity),
  check (type <> 'limit' or limit_price is not null),
  check (type <> 'stop_loss' or stop_price is not null)
);

comment on table orders is 'Every order of every bot, also those that never reached the venue.';
comment on column orders.client_id is 'The order''s own name, computed: a rerun finds its own order. Kraken allows 18 characters.';
comment on column orders.quantity is 'Base units; an amended stop changes it.';
comment on column orders.filled is 'Base units; the sum of its fills.';
comment on column orders.limit_price is 'Quote currency, as the other prices.';
comment on column orders.stop_price is 'Of an entry: the stop that protects its fills; of a stop: its trigger.';
comment on column orders.bar_at is 'The candle or moment that caused it.';
comment on column orders.checked_at is 'Up to when the paper venue has matched it.';
comment on column orders.deadline_at is 'The venue refuses it later.';
comment on column orders.expires_at is 'It stops resting then.';
comment on column orders.trade_id is 'Client id of the entry that opened the trade.';
comment on column orders.slot_at is 'The slot in which it was planned.';
comment on column orders.fence is 'Fencing number of the run that wrote it last.';

create index orders_unsettled on orders (bot_id)
  where status in ('planned', 'submitting', 'open', 'partially_filled', 'unknown');
create index orders_trade on orders (trade_id);
create index orders_slot on orders (slot_at);
create index orders_symbol on orders (bot_id, symbol, bar_at desc);

alter table orders enable row level security;
revoke all on orders from public, anon, authenticated;
grant select on orders to authenticated;
grant all on orders to service_role;
create policy orders_are_read on orders for select to authenticated using (true);

create function keep_order_law() returns trigger
  language plpgsql
  as $$
  begin
    if old.status <> new.status
       and not exists (select from order_transitions where from_status = old.status and to_status = new.status) then
      raise exception using errcode = 'MT003',
        message = format('order %s may not go from %s to %s', old.client_id, old.status, new.status);
    end if;
    if new.filled < old.filled then
      raise exception using errcode = 'MT003',
        message = format('order %s has %s filled: this may not shrink to %s', old.client_id, old.filled, new.filled);
    end if;
    if (new.bot_id, new.symbol, new.side, new.leg, new.type, new.trade_id)
       is distinct from (old.bot_id, old.symbol, old.side, old.leg, old.type, old.trade_id) then
      raise exception using errcode = 'MT003',
        message = format('order %s may not become another order', old.client_id);
    end if;
    return new;
  end
  $$;

revoke all on function keep_order_law() from public, anon, authenticated;
create trigger keep_order_law before update on orders for each row execute function keep_order_law();
