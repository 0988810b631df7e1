-- Positions and cash as what they are: sums of fills.
create view positions with (security_invoker = true) as
  select
    bot_id,
    symbol,
    sum(case side when 'buy' then quantity else -quantity end) as quantity,
    sum(case side when 'buy' then quantity else 0 end) as bought,
    sum(case side when 'sell' then quantity else 0 end) as sold,
    sum(fee) as fees,
    max(filled_at) as last_fill_at
  from fills
  group by bot_id, symbol;

comment on view positions is 'Base units held per bot and symbol; also those that are closed, with quantity 0.';

create view cash_balances with (security_invoker = true) as
  select
    b.bot_id,
    b.quote,
    b.initial_cash + coalesce(
      (select sum(case f.side when 'sell' then f.quantity * f.price else -f.quantity * f.price end - f.fee)
       from fills f where f.bot_id = b.bot_id), 0) as cash
  from bots b;

comment on view cash_balances is 'Quote currency per bot: initial cash plus all fills.';

revoke all on positions, cash_balances from public, anon, authenticated;
grant select on positions, cash_balances to authenticated, service_role;
