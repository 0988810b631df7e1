-- Fills: what happened to our money. Cash and positions are sums of these rows and nothing else.
create table fills (
  venue_trade_id text primary key check (venue_trade_id <> ''),
  client_id text not null references orders,
  bot_id integer not null references bots,
  symbol text not null,
  side text not null check (side in ('buy', 'sell')),
  quantity numeric not null check (quantity > 0 and quantity < 'Infinity'),
  price numeric not null check (price > 0 and price < 'Infinity'),
  fee numeric not null check (fee > '-Infinity' and fee < 'Infinity'),
  liquidity text not null check (liquidity in ('maker', 'taker')),
  filled_at timestamptz not null,
  fence bigint not null check (fence > 0)
);

comment on table fills is 'One row per execution, append-only. The venue''s trade id makes sure that none counts twice.';
comment on column fills.quantity is 'Base units.';
comment on column fills.price is 'Quote currency per base unit.';
comment on column fills.fee is 'Quote currency, always; below zero for a rebate.';
comment on column fills.fence is 'Fencing number of the run that recorded it.';

create index fills_order on fills (client_id);
create index fills_bot on fills (bot_id, symbol, filled_at);

alter table fills enable row level security;
revoke all on fills from public, anon, authenticated;
grant select on fills to authenticated;
grant all on fills to service_role;
create policy fills_are_read on fills for select to authenticated using (true);

create function keep_fill_law() returns trigger
  language plpgsql
  as $$
  declare
    broken record;
  begin
    select o.client_id, o.quantity, sum(f.quantity) as filled into broken
    from orders o join fills f using (client_id)
    where o.client_id in (select client_id from added)
    group by o.client_id
    having sum(f.quantity) > o.quantity
    limit 1;
    if found then
      raise exception using errcode = 'MT003',
        message = format('fills of order %s add up to %s, more than its quantity %s', broken.client_id, broken.filled, broken.quantity);
    end if;
    select o.client_id into broken
    from added a join orders o using (client_id)
    where (a.bot_id, a.symbol, a.side) is distinct from (o.bot_id, o.symbol, o.side)
    limit 1;
    if found then
      raise exception using errcode = 'MT003',
        message = format('a fill of order %s names another bot, symbol or side', broken.client_id);
    end if;
    return null;
  end
  $$;

create function refuse_change() returns trigger
  language plpgsql
  as $$
  begin
    raise exception using errcode = 'MT003', message = format('rows of %s are never changed', tg_table_name);
  end
  $$;

revoke all on function keep_fill_law(), refuse_change() from public, anon, authenticated;
create trigger keep_fill_law after insert on fills
  referencing new table as added for each statement execute function keep_fill_law();
create trigger fills_are_append_only before update on fills for each row execute function refuse_change();
