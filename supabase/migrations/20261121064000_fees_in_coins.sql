-- A venue may take the fee of a sale in coins: they are gone as well, and the money is not less.
alter table fills add column fee_base numeric not null default 0 check (fee_base >= 0 and fee_base < 'Infinity');

comment on column fills.quantity is 'Base units, without fee_base.';
comment on column fills.fee is 'Quote currency, always, also where it was taken in coins; below zero for a rebate.';
comment on column fills.fee_base is 'Base units that the venue took as the fee; 0 where it took money.';
comment on column trades.quantity is 'Base units bought so far, without those that a fee took.';
comment on column trades.entry_cost is 'Quote currency, before fees, also those taken in coins.';
comment on column trades.exit_proceeds is 'Quote currency, before fees; coins taken as a fee count as sold for it.';

create or replace view positions with (security_invoker = true) as
  select
    bot_id,
    symbol,
    sum(case side when 'buy' then quantity else -quantity end - fee_base) as quantity,
    sum(case side when 'buy' then quantity - fee_base else 0 end) as bought,
    sum(case side when 'sell' then quantity + fee_base else 0 end) as sold,
    sum(fee) as fees,
    max(filled_at) as last_fill_at
  from fills
  group by bot_id, symbol;

create or replace view cash_balances with (security_invoker = true) as
  select
    b.bot_id,
    b.quote,
    b.initial_cash + coalesce(
      (select sum(
         case f.side when 'sell' then f.quantity * f.price else -f.quantity * f.price end
         - case when f.fee_base > 0 then 0 else f.fee end)
       from fills f where f.bot_id = b.bot_id), 0) as cash
  from bots b;
