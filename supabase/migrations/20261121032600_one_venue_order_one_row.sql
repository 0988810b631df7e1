-- An order of a real venue is one row for ever: it is never booked under two names, a row never becomes another one.
create unique index orders_venue_order on orders (venue_order_id)
  where venue_order_id <> '' and venue_order_id not like 'paper-%';

comment on column orders.venue_order_id is 'The venue''s name of it, empty until known; paper''s own begin with paper-.';

create or replace function keep_order_law() returns trigger
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
    if new.venue_order_id <> old.venue_order_id and old.venue_order_id <> '' and old.venue_order_id not like 'paper-%' then
      raise exception using errcode = 'MT003',
        message = format('order %s is %s at the venue: it may not become %s', old.client_id, old.venue_order_id,
          coalesce(nullif(new.venue_order_id, ''), 'unknown'));
    end if;
    return new;
  end
  $$;
