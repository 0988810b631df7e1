-- Named queries of the tick. A name heads each; %(name)s is a parameter; $Order(o) stands
-- for the row of `orders o` as JSON with the field names of the dataclass Order.

-- name: take_lease
select take_lease('tick', %(holder)s, make_interval(secs => %(lease_s)s))

-- name: snapshot
select json_build_object(
  'lease', (
    select json_build_object(
      'holder', l.holder, 'token', l.token, 'expires_ms', to_ms(l.expires_at),
      'mine', l.holder = %(holder)s and l.expires_at > clock_timestamp())
    from leases l where l.name = 'tick'),
  'writable', current_setting('transaction_read_only') = 'off',
  'last_tick', (
    select json_build_object('slot_ms', to_ms(slot_at), 'now_ms', to_ms(now_at))
    from ticks where status = 'done' order by slot_at desc limit 1),
  'venue', (
    select json_build_object('markets_ms', to_ms(markets_at), 'breaker', breaker, 'live', live, 'killed', killed_reason)
    from venue_state),
  'markets', (select json_agg($Market(m) order by m.symbol) from venue_markets m),
  'series_tails', (
    select json_agg(json_build_array(s.symbol, s.timeframe,
      (select to_ms(max(c.open_at)) from candles c where c.series_id = s.series_id)))
    from candle_series s),
  'bots', (
    select json_agg(json_build_object(
      'bot_id', b.bot_id, 'name', b.name, 'status', b.status, 'state', b.state, 'mode', b.mode, 'quote', b.quote,
      'initial_cash', b.initial_cash::text,
      'cash', (select cash::text from cash_balances c where c.bot_id = b.bot_id),
      'settings', (
        select json_build_object('version', version, 'overrides', overrides)
        from bot_settings s where s.bot_id = b.bot_id order by version desc limit 1),
      'orders', (
        select json_agg($Order(o) order by o.created_at, o.client_id) from orders o
        where o.bot_id = b.bot_id and o.status in ('planned', 'submitting', 'open', 'partially_filled', 'unknown')),
      'trades', (
        select json_agg($Trade(t) order by t.entry_at, t.trade_id) from trades t
        where t.bot_id = b.bot_id and t.status = 'open'),
      'cooldowns', (
        select json_agg($Cooldown(c) order by c.symbol) from symbol_cooldowns c where c.bot_id = b.bot_id),
      -- One index probe per symbol, however many verdicts there are.
      'handled', (
        with recursive seen (symbol) as (
          (select v.symbol from verdicts v where v.bot_id = b.bot_id order by v.symbol limit 1)
          union all
          select (select v.symbol from verdicts v
                  where v.bot_id = b.bot_id and v.symbol > seen.symbol order by v.symbol limit 1)
          from seen where seen.symbol is not null)
        select json_object_agg(symbol, (
          select to_ms(max(v.bar_at)) from verdicts v where v.bot_id = b.bot_id and v.symbol = seen.symbol))
        from seen where symbol is not null),
      -- Capital that came in since is neither profit nor recovery.
      'last_equity', (
        select json_build_object(
          'at_ms', to_ms(e.at), 'peak_equity', (e.peak_equity + c.added)::text,
          'breaker_peak', (e.breaker_peak + c.added)::text,
          'latches', json_build_object(
            'drawdown_peak', coalesce((e.drawdown_peak + c.added)::float8, 0),
            'paused_until_ms', to_ms(e.paused_until_at),
            'breaker_since_ms', to_ms(e.breaker_since_at), 'day_lost_ms', to_ms(e.day_lost_at)))
        from equity_snapshots e
        cross join lateral (
          select case when b.mode = 'live' then capital_added_since(b.bot_id, e.at) else 0 end) as c (added)
        where e.bot_id = b.bot_id order by e.at desc limit 1),
      'closed', (
        select json_build_object(
          'wins', count(*) filter (where t.pnl > 0), 'losses', count(*) filter (where t.pnl < 0),
          'won', coalesce(sum(t.pnl / t.entry_cost) filter (where t.pnl > 0), 0)::float8,
          'lost', coalesce(-sum(t.pnl / t.entry_cost) filter (where t.pnl < 0), 0)::float8)
        from trades t where t.bot_id = b.bot_id and t.status = 'closed' and t.entry_cost > 0),
      'lately', (
        select json_agg(json_build_object(
          'trade_id', t.trade_id, 'entry_ms', to_ms(t.entry_at), 'exit_ms', to_ms(t.exit_at),
          'pnl', t.pnl::text) order by t.trade_id)
        from trades t, lateral (
          select date_trunc('day', max(n.at), 'UTC') from equity_snapshots n where n.bot_id = b.bot_id) as d (day)
        where t.bot_id = b.bot_id and (t.entry_at >= d.day or (t.status = 'closed' and t.exit_at >= d.day))),
      'day_open', (
        select json_build_object('at_ms', to_ms(e.at), 'equity', (e.equity
          + case when b.mode = 'live' then capital_added_since(b.bot_id, e.at) else 0 end)::text)
        from equity_snapshots e
        where e.bot_id = b.bot_id and e.at >= (
          select date_trunc('day', max(n.at), 'UTC') from equity_snapshots n where n.bot_id = b.bot_id)
        order by e.at limit 1),
      'commands', (
        select json_agg($Command(c) order by c.command_id) from commands c
        where c.bot_id = b.bot_id and c.done_at is null),
      'open_risk_keys', (
        select json_agg(r.key order by r.key) from risk_events r
        where r.bot_id in (b.bot_id, 0) and r.resolved_at is null),
      'live', case when b.mode = 'live' then (
        with alive as (
          select o.client_id, o.trade_id from orders o
          where o.bot_id = b.bot_id and o.status in ('planned', 'submitting', 'open', 'partially_filled', 'unknown')
        ), since (at) as (
          -- A day before the last done tick that looked after this bot; from the beginning where there was none.
          select coalesce((
            select t.finished_at - interval '1 day'
            from equity_snapshots e join ticks t on t.fence = e.fence and t.status = 'done'
            where e.bot_id = b.bot_id order by e.at desc limit 1), '-infinity')
        ), settled as (
          select o.* from orders o
          where o.bot_id = b.bot_id and o.status in ('filled', 'cancelled', 'rejected', 'expired', 'not_placed')
            and (o.updated_at >= (select at from since)
              or o.trade_id in (
                select n.trade_id from orders n where n.bot_id = b.bot_id and n.updated_at >= (select at from since))
              or o.trade_id in (select trade_id from alive)
              or o.trade_id in (select t.trade_id from trades t where t.bot_id = b.bot_id and t.status = 'open'))
        )
        select json_build_object(
          'baseline', b.baseline,
          'settled_orders', (select json_agg($Order(o) order by o.created_at, o.client_id) from settled o),
          'known_fills', (
            select json_agg(f.venue_trade_id order by f.filled_at, f.venue_trade_id) from fills f
            where f.client_id in (select client_id from alive union all select client_id from settled)),
          'ended_trades', (
            select json_agg($Trade(t) order by t.entry_at, t.trade_id) from trades t
            where t.status = 'closed'
              and t.trade_id in (select trade_id from alive union all select trade_id from settled)))
      ) end
    ) order by b.bot_id)
    from bots b)
)

-- name: windows
-- One row per series: each column packed into one binary string, half the size of rows.
select w.n, c.*
from unnest(%(symbols)s::text[], %(timeframes)s::text[], %(since_ms)s::bigint[])
  with ordinality as w (symbol, timeframe, since_ms, n)
join candle_series s using (symbol, timeframe)
cross join lateral (
  select
    string_agg(timestamptz_send(o.open_at), ''), string_agg(float8send(o.open), ''), string_agg(float8send(o.high), ''),
    string_agg(float8send(o.low), ''), string_agg(float8send(o.close), ''), string_agg(float8send(o.volume), ''),
    string_agg(boolsend(o.filled), '')
  from (
    select * from candles k
    where k.series_id = s.series_id and k.open_at >= to_timestamp(w.since_ms / 1000.0)
    order by k.open_at
  ) as o
) as c

-- name: hold_lease
select hold_lease(%(lease_name)s, %(holder)s, %(fence)s, %(release)s)

-- name: save_tick
insert into ticks as t
  (slot_at, now_at, mode, status, missed_slots, fence, timings_ms, report, error, finished_at)
select
  from_ms(r.slot_ms), from_ms(r.now_ms), r.mode, r.status, r.missed_slots, %(fence)s, r.timings_ms, r.report, r.error,
  case when r.status <> 'running' then clock_timestamp() end
from jsonb_to_recordset(%(rows)s) as r (
  slot_ms bigint, now_ms bigint, mode text, status text, missed_slots integer, timings_ms jsonb, report jsonb, error text)
on conflict (slot_at) do update set
  now_at = excluded.now_at, mode = excluded.mode, status = excluded.status, missed_slots = excluded.missed_slots,
  attempts = t.attempts + case when t.fence = excluded.fence then 0 else 1 end, fence = excluded.fence,
  timings_ms = excluded.timings_ms, report = excluded.report, error = excluded.error, finished_at = excluded.finished_at
where t.status <> 'done'

-- name: save_series
insert into candle_series (symbol, timeframe)
select w.symbol, w.timeframe from unnest(%(symbols)s::text[], %(timeframes)s::text[]) as w (symbol, timeframe)
where not exists (select from candle_series s where (s.symbol, s.timeframe) = (w.symbol, w.timeframe))

-- name: save_candles
insert into candles as old (series_id, open_at, open, high, low, close, volume, filled)
select s.series_id, from_ms(c.open_ms), c.open, c.high, c.low, c.close, c.volume, c.filled
from unnest(
  %(n)s::integer[], %(open_ms)s::bigint[], %(open)s::float8[], %(high)s::float8[], %(low)s::float8[],
  %(close)s::float8[], %(volume)s::float8[], %(filled)s::boolean[]
) as c (n, open_ms, open, high, low, close, volume, filled)
join unnest(%(symbols)s::text[], %(timeframes)s::text[]) with ordinality as w (symbol, timeframe, n) using (n)
join candle_series s using (symbol, timeframe)
on conflict (series_id, open_at) do update set
  open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
  volume = excluded.volume, filled = excluded.filled
-- Only a filled gap that the venue has closed since: other candles are final.
where old.filled and not excluded.filled

-- name: drop_old_markets
delete from venue_markets where symbol <> all (select r.symbol from jsonb_to_recordset(%(rows)s) as r (symbol text))

-- name: save_markets
insert into venue_markets as m
  (symbol, venue_id, base, quote, price_step, size_step, min_size, min_notional, maker_fee, taker_fee, status, altname)
select
  r.symbol, r.venue_id, r.base, r.quote, r.price_step, r.size_step, r.min_size, r.min_notional, r.maker_fee,
  r.taker_fee, r.status, r.altname
from jsonb_to_recordset(%(rows)s) as r (
  symbol text, venue_id text, base text, quote text, price_step numeric, size_step numeric, min_size numeric,
  min_notional numeric, maker_fee numeric, taker_fee numeric, status text, altname text)
on conflict (symbol) do update set
  venue_id = excluded.venue_id, base = excluded.base, quote = excluded.quote, price_step = excluded.price_step,
  size_step = excluded.size_step, min_size = excluded.min_size, min_notional = excluded.min_notional,
  maker_fee = excluded.maker_fee, taker_fee = excluded.taker_fee, status = excluded.status,
  altname = excluded.altname
where m is distinct from excluded

-- name: save_venue_state
insert into venue_state as v (markets_at, breaker, live)
select from_ms(r.markets_ms), coalesce(r.breaker, '{}'), coalesce(r.live, '{}')
from jsonb_to_recordset(%(rows)s) as r (markets_ms bigint, breaker jsonb, live jsonb)
on conflict (only_row) do update set
  markets_at = coalesce(excluded.markets_at, v.markets_at),
  breaker = case when %(breaker_given)s then excluded.breaker else v.breaker end,
  live = case when %(live_given)s then excluded.live else v.live end

-- name: save_orders
insert into orders as o
  (client_id, bot_id, symbol, side, leg, type, status, quantity, filled, limit_price, stop_price, target_price,
   bar_at, placed_at, checked_at, deadline_at, expires_at, venue_order_id, trade_id, reason, slot_at, fence)
select
  r.client_id, r.bot_id, r.symbol, r.side, r.leg, r.type, r.status, r.quantity, r.filled, r.limit_price, r.stop_price,
  r.target_price, from_ms(r.bar_ms), from_ms(r.placed_ms), from_ms(r.checked_ms), from_ms(r.deadline_ms),
  from_ms(r.expires_ms), r.venue_order_id, r.trade_id, r.reason,
  (select max(t.slot_at) from ticks t where t.fence = %(fence)s), %(fence)s
from jsonb_to_recordset(%(rows)s) as r (
  client_id text, bot_id integer, symbol text, side text, leg text, type text, status text, quantity numeric,
  filled numeric, limit_price numeric, stop_price numeric, target_price numeric, bar_ms bigint, placed_ms bigint,
  checked_ms bigint, deadline_ms bigint, expires_ms bigint, venue_order_id text, trade_id text, reason text)
on conflict (client_id) do update set
  bot_id = excluded.bot_id, symbol = excluded.symbol, side = excluded.side, leg = excluded.leg, type = excluded.type,
  status = excluded.status, quantity = excluded.quantity, filled = excluded.filled, limit_price = excluded.limit_price,
  stop_price = excluded.stop_price, target_price = excluded.target_price, bar_at = excluded.bar_at,
  placed_at = excluded.placed_at, checked_at = excluded.checked_at, deadline_at = excluded.deadline_at,
  expires_at = excluded.expires_at, venue_order_id = excluded.venue_order_id, trade_id = excluded.trade_id,
  reason = excluded.reason, fence = excluded.fence, updated_at = clock_timestamp()
where
  (o.bot_id, o.symbol, o.side, o.leg, o.type, o.status, o.quantity, o.filled, o.limit_price, o.stop_price,
   o.target_price, o.bar_at, o.placed_at, o.checked_at, o.deadline_at, o.expires_at, o.venue_order_id, o.trade_id, o.reason)
  is distinct from
  (excluded.bot_id, excluded.symbol, excluded.side, excluded.leg, excluded.type, excluded.status, excluded.quantity,
   excluded.filled, excluded.limit_price, excluded.stop_price, excluded.target_price, excluded.bar_at,
   excluded.placed_at, excluded.checked_at, excluded.deadline_at, excluded.expires_at, excluded.venue_order_id,
   excluded.trade_id, excluded.reason)
  -- A step on the way to a later one of the same commit: skipped when the order is past it already.
  and (%(last_step)s or o.filled <= excluded.filled and o.venue_order_id in ('', excluded.venue_order_id) and (o.status = excluded.status or exists (
    select from order_transitions l where (l.from_status, l.to_status) = (o.status, excluded.status))))

-- name: save_order_events
insert into order_events (client_id, from_status, to_status, at, detail)
select r.client_id, r.from_status, r.to_status, from_ms(r.at_ms), r.detail
from jsonb_to_recordset(%(rows)s) as r (client_id text, from_status text, to_status text, at_ms bigint, detail jsonb)
on conflict do nothing

-- name: save_fills
insert into fills
  (venue_trade_id, client_id, bot_id, symbol, side, quantity, price, fee, liquidity, filled_at, fee_base, fence)
select
  r.venue_trade_id, r.client_id, r.bot_id, r.symbol, r.side, r.quantity, r.price, r.fee, r.liquidity,
  from_ms(r.filled_ms), r.fee_base, %(fence)s
from jsonb_to_recordset(%(rows)s) as r (
  venue_trade_id text, client_id text, bot_id integer, symbol text, side text, quantity numeric, price numeric,
  fee numeric, liquidity text, filled_ms bigint, fee_base numeric)
on conflict (venue_trade_id) do nothing

-- name: save_dead_letters
insert into dead_letters (client_id, bot_id, symbol, leg, side, quantity, why, at)
select r.client_id, r.bot_id, r.symbol, r.leg, r.side, r.quantity, r.why, from_ms(r.at_ms)
from jsonb_to_recordset(%(rows)s) as r (
  client_id text, bot_id integer, symbol text, leg text, side text, quantity numeric, why text, at_ms bigint)
on conflict do nothing

-- name: save_trades
insert into trades as t
  (trade_id, bot_id, symbol, status, strategy, entry_at, exit_at, entry_price, exit_price, quantity, open_quantity,
   entry_cost, exit_proceeds, fees, pnl, stop_price, target_price, high_water, armed, exit_reason, fence)
select
  r.trade_id, r.bot_id, r.symbol, r.status, r.strategy, from_ms(r.entry_ms), from_ms(r.exit_ms), r.entry_price,
  r.exit_price, r.quantity, r.open_quantity, r.entry_cost, r.exit_proceeds, r.fees, r.pnl, r.stop_price,
  r.target_price, r.high_water, r.armed, r.exit_reason, %(fence)s
from jsonb_to_recordset(%(rows)s) as r (
  trade_id text, bot_id integer, symbol text, status text, strategy text, entry_ms bigint, exit_ms bigint,
  entry_price numeric, exit_price numeric, quantity numeric, open_quantity numeric, entry_cost numeric,
  exit_proceeds numeric, fees numeric, pnl numeric, stop_price numeric, target_price numeric, high_water numeric,
  armed boolean, exit_reason text)
on conflict (trade_id) do update set
  status = excluded.status, strategy = excluded.strategy, entry_at = excluded.entry_at, exit_at = excluded.exit_at,
  entry_price = excluded.entry_price, exit_price = excluded.exit_price, quantity = excluded.quantity,
  open_quantity = excluded.open_quantity, entry_cost = excluded.entry_cost, exit_proceeds = excluded.exit_proceeds,
  fees = excluded.fees, pnl = excluded.pnl, stop_price = excluded.stop_price, target_price = excluded.target_price,
  high_water = excluded.high_water, armed = excluded.armed, exit_reason = excluded.exit_reason, fence = excluded.fence

-- name: save_trade_events
insert into trade_events (trade_id, kind, at, detail)
select r.trade_id, r.kind, from_ms(r.at_ms), r.detail
from jsonb_to_recordset(%(rows)s) as r (trade_id text, kind text, at_ms bigint, detail jsonb)
on conflict do nothing

-- name: save_signals
insert into signals
  (bot_id, symbol, timeframe, open_at, close_at, direction, confidence, score, leader, atr, votes, size_scale,
   slot_at)
select
  r.bot_id, r.symbol, r.timeframe, from_ms(r.open_ms), from_ms(r.close_ms), r.direction, r.confidence, r.score,
  r.leader, r.atr, r.votes, r.size_scale, (select max(t.slot_at) from ticks t where t.fence = %(fence)s)
from jsonb_to_recordset(%(rows)s) as r (
  bot_id integer, symbol text, timeframe text, open_ms bigint, close_ms bigint, direction smallint,
  confidence float8, score float8, leader text, atr float8, votes jsonb, size_scale float8)
on conflict do nothing

-- name: save_verdicts
insert into verdicts (bot_id, symbol, timeframe, bar_at, verdict, reasons, slot_at)
select
  r.bot_id, r.symbol, r.timeframe, from_ms(r.bar_ms), r.verdict, r.reasons,
  (select max(t.slot_at) from ticks t where t.fence = %(fence)s)
from jsonb_to_recordset(%(rows)s) as r (
  bot_id integer, symbol text, timeframe text, bar_ms bigint, verdict text, reasons jsonb)
on conflict do nothing

-- name: save_decisions
insert into decisions (bot_id, slot_at, fence, inputs, outputs, settings_version, code_version)
select
  r.bot_id, (select max(t.slot_at) from ticks t where t.fence = %(fence)s), %(fence)s, r.inputs, r.outputs,
  r.settings_version, r.code_version
from jsonb_to_recordset(%(rows)s) as r (
  bot_id integer, inputs jsonb, outputs jsonb, settings_version integer, code_version text)
on conflict do nothing

-- name: save_cooldowns
insert into symbol_cooldowns (bot_id, symbol, until_at, losses, reason)
select r.bot_id, r.symbol, from_ms(r.until_ms), r.losses, r.reason
from jsonb_to_recordset(%(rows)s) as r (bot_id integer, symbol text, until_ms bigint, losses integer, reason text)
on conflict (bot_id, symbol) do update set
  until_at = excluded.until_at, losses = excluded.losses, reason = excluded.reason

-- name: save_equity
insert into equity_snapshots
  (bot_id, at, cash, positions_value, equity, peak_equity, drawdown, exposure, breaker_peak, breaker_since_at,
   drawdown_peak, paused_until_at, day_lost_at, fence)
select
  r.bot_id, from_ms(r.at_ms), r.cash, r.positions_value, r.equity, r.peak_equity, r.drawdown, r.exposure,
  r.breaker_peak, from_ms(r.breaker_since_ms), r.drawdown_peak, from_ms(r.paused_until_ms),
  from_ms(r.day_lost_ms), %(fence)s
from jsonb_to_recordset(%(rows)s) as r (
  bot_id integer, at_ms bigint, cash numeric, positions_value numeric, equity numeric, peak_equity numeric,
  drawdown float8, exposure float8, breaker_peak numeric, breaker_since_ms bigint, drawdown_peak numeric,
  paused_until_ms bigint, day_lost_ms bigint)
on conflict do nothing

-- name: save_states
with step as (
  select * from jsonb_to_recordset(%(rows)s) as r (
    n integer, bot_id integer, status text, state text, reason text, at_ms bigint)
), seen as (
  -- PAUSED and IDLE are a person's word, perhaps given while this tick ran: no tick takes them back.
  select step.*, case when b.status in ('RUNNING', 'ERROR') then step.status else b.status end as kept
  from step join bots b using (bot_id)
), moved as (
  update bots b set status = seen.kept, state = seen.state
  from seen where b.bot_id = seen.bot_id and seen.n = (select max(s.n) from step s where s.bot_id = b.bot_id)
)
insert into bot_state_history (bot_id, status, state, reason, at)
select bot_id, kept, state, reason, from_ms(at_ms) from seen order by n
on conflict do nothing

-- name: save_commands_done
update commands c set done_at = clock_timestamp(), result = r.result
from jsonb_to_recordset(%(rows)s) as r (command_id bigint, bot_id integer, result text)
where (c.command_id, c.bot_id) = (r.command_id, r.bot_id) and c.done_at is null

-- name: open_risk_events
insert into risk_events as e (bot_id, key, symbol, kind, severity, message, fix, at, last_at)
select r.bot_id, r.key, r.symbol, r.kind, r.severity, r.message, r.fix, from_ms(r.at_ms), from_ms(r.at_ms)
from jsonb_to_recordset(%(rows)s) as r (
  bot_id integer, key text, symbol text, kind text, severity text, message text, fix text, at_ms bigint)
on conflict (bot_id, key) where resolved_at is null do update set
  symbol = excluded.symbol, kind = excluded.kind, severity = excluded.severity, message = excluded.message,
  fix = excluded.fix, times = e.times + case when excluded.last_at > e.last_at then 1 else 0 end,
  last_at = greatest(e.last_at, excluded.last_at)

-- name: resolve_risk_events
update risk_events e set resolved_at = from_ms(r.at_ms)
from jsonb_to_recordset(%(rows)s) as r (bot_id integer, key text, at_ms bigint)
where (e.bot_id, e.key) = (r.bot_id, r.key) and e.resolved_at is null

-- Reports and control: what the command line and the dashboard read and ask for.

-- name: ensure_bot
with made as (
  insert into bots (name, mode, quote, initial_cash, status)
  select %(name)s, %(mode)s, %(quote)s, %(cash)s, case %(mode)s when 'paper' then 'RUNNING' else 'IDLE' end
  where not exists (select from bots where name = %(name)s)
  on conflict (name) do nothing
  returning bot_id, status, state
), noted as (
  insert into bot_state_history (bot_id, status, state, reason, at)
  select bot_id, status, state, 'created', coalesce(from_ms(%(now_ms)s), now()) from made
)
select bot_id from made union all select bot_id from bots where name = %(name)s

-- name: bots
select json_agg(json_build_object(
  'bot_id', b.bot_id, 'name', b.name, 'mode', b.mode, 'status', b.status, 'state', b.state, 'quote', b.quote,
  'initial_cash', b.initial_cash::text, 'cash', c.cash::text, 'equity', coalesce(e.equity, b.initial_cash)::text,
  'peak_equity', coalesce(e.peak_equity, b.initial_cash)::text, 'drawdown', coalesce(e.drawdown, 0),
  'exposure', coalesce(e.exposure, 0), 'equity_ms', to_ms(e.at),
  'pnl_today', coalesce(e.equity - d.equity, 0)::text,
  'pnl_total', (coalesce(e.equity, b.initial_cash) - b.initial_cash)::text,
  'settings_version', coalesce((select max(version) from bot_settings s where s.bot_id = b.bot_id), 0),
  'open_trades', (select count(*) from trades t where t.bot_id = b.bot_id and t.status = 'open'),
  'closed_trades', (select count(*) from trades t where t.bot_id = b.bot_id and t.status = 'closed'),
  'open_orders', (
    select count(*) from orders o
    where o.bot_id = b.bot_id and o.status in ('planned', 'submitting', 'open', 'partially_filled', 'unknown'))
) order by b.bot_id)
from bots b
join cash_balances c using (bot_id)
-- Capital that came in since is neither profit nor recovery.
left join lateral (
  select n.at, n.equity + a.added as equity, n.peak_equity + a.added as peak_equity, n.drawdown, n.exposure
  from equity_snapshots n cross join lateral capital_added_since(n.bot_id, n.at) as a (added)
  where n.bot_id = b.bot_id order by n.at desc limit 1) as e on true
left join lateral (
  select n.equity + capital_added_since(n.bot_id, n.at) as equity from equity_snapshots n
  where n.bot_id = b.bot_id and n.at >= date_trunc('day', e.at, 'UTC') order by n.at limit 1) as d on true

-- name: positions
select json_agg(json_build_object(
  'bot_id', p.bot_id, 'bot', b.name, 'mode', b.mode, 'symbol', p.symbol, 'quantity', p.quantity::text,
  'trade_id', t.trade_id, 'entry_price', t.entry_price::text, 'entry_ms', to_ms(t.entry_at),
  'stop_price', coalesce(s.stop_price, t.stop_price)::text, 'stop_quantity', coalesce(s.quantity, 0)::text,
  'stops', coalesce(s.stops, '[]'), 'target_price', t.target_price::text, 'high_water', t.high_water::text, 'strategy', t.strategy
) order by p.bot_id, p.symbol)
from positions p
join bots b using (bot_id)
left join lateral (
  select * from trades t where t.bot_id = p.bot_id and t.symbol = p.symbol and t.status = 'open'
  order by t.entry_at desc limit 1) as t on true
left join lateral (
  select min(o.stop_price) as stop_price, sum(o.quantity - o.filled) as quantity, json_agg(json_build_object(
    'client_id', o.client_id, 'venue_order_id', o.venue_order_id, 'quantity', (o.quantity - o.filled)::text,
    'stop_price', o.stop_price::text) order by o.quantity - o.filled desc, o.client_id) as stops
  from orders o
  where o.trade_id = t.trade_id and o.leg = 'stop' and o.status in ('open', 'partially_filled')) as s on true
where p.quantity <> 0

-- name: live_orders
select json_agg($Order(o, bot, mode, age_ms) order by o.created_at, o.client_id)
from (
  select o.*, b.name as bot, b.mode,
    (extract(epoch from coalesce(from_ms(%(now_ms)s), clock_timestamp()) - coalesce(o.placed_at, o.created_at)) * 1000)::bigint
      as age_ms
  from orders o join bots b using (bot_id)
  where o.status in ('planned', 'submitting', 'open', 'partially_filled', 'unknown')) as o

-- name: kill_switch
select json_build_object('reason', killed_reason, 'by', killed_by, 'at_ms', to_ms(killed_at))
from (select) as always left join venue_state on killed_reason <> ''

-- name: dead_letters
select json_agg($DeadLetter(d, bot, bot_id, resolved_ms, resolved_by) order by d.at desc, d.client_id)
from (
  select d.*, b.name as bot from dead_letters d join bots b using (bot_id)
  where d.resolved_at is null or not %(open_only)s order by d.at desc, d.client_id limit %(count)s) as d

-- name: live_decisions
select json_agg(json_build_object(
  'live_decision_id', d.live_decision_id, 'bot_id', d.bot_id, 'bot', d.bot, 'kind', d.kind, 'capital', d.capital::text,
  'added', d.added::text, 'gates', d.gates, 'override', d.override, 'reason', d.reason, 'author', d.author,
  'at_ms', to_ms(d.at)) order by d.live_decision_id desc)
from (
  select d.*, b.name as bot from live_decisions d left join bots b using (bot_id)
  order by d.live_decision_id desc limit %(count)s) as d

-- name: recent_ticks
select json_agg($TickRecord(t, attempts, delay_ms, fence, started_ms, finished_ms) order by t.slot_at desc)
from (select * from ticks order by slot_at desc limit %(count)s) as t

-- name: slot_ledger
with chosen as (
  select *, slot_at - lag(slot_at) over (order by slot_at) as gap
  from ticks where status = 'done' and slot_at >= to_timestamp(%(since_ms)s / 1000.0)
)
select json_build_object(
  'first_slot_ms', to_ms(min(slot_at)), 'last_slot_ms', to_ms(max(slot_at)),
  'delivered', count(*),
  'missed', coalesce((extract(epoch from max(slot_at) - min(slot_at)) * 1000 / %(step_ms)s)::bigint + 1 - count(*), 0),
  'repeated', count(*) filter (where attempts > 1),
  'unfinished', (
    select count(*) from ticks u where u.status <> 'done' and u.slot_at >= to_timestamp(%(since_ms)s / 1000.0)),
  'longest_gap_ms', coalesce(extract(epoch from max(gap)) * 1000, 0)::bigint,
  'delay_ms', json_build_object(
    'median', percentile_disc(0.5) within group (order by delay_ms),
    'p95', percentile_disc(0.95) within group (order by delay_ms), 'max', max(delay_ms)))
from chosen

-- name: risk_events
select json_agg($RiskEvent(r, risk_event_id, last_ms, times, resolved_ms) order by r.at desc)
from (
  select *, resolved_at is not null as resolved from risk_events
  where resolved_at is null or not %(open_only)s order by at desc limit %(count)s) as r

-- name: equity_curve
select json_agg($EquitySnapshot(e) order by e.at)
from (
  select distinct on (to_ms(e.at) / greatest(%(step_ms)s, 1)) e.*
  from equity_snapshots e join bots b using (bot_id)
  where b.name = %(bot)s and e.at >= to_timestamp(%(since_ms)s / 1000.0)
  order by to_ms(e.at) / greatest(%(step_ms)s, 1), e.at desc) as e

-- name: trades
select json_agg($Trade(t, bot) order by t.entry_at, t.trade_id)
from (
  select t.*, b.name as bot from trades t join bots b using (bot_id)
  where (%(bot)s::text is null or b.name = %(bot)s) and (%(status)s::text is null or t.status = %(status)s)
    and t.entry_at >= to_timestamp(%(since_ms)s / 1000.0)) as t

-- name: orders
select json_agg($Order(o, bot, slot_ms) order by o.created_at, o.client_id)
from (
  select o.*, b.name as bot from orders o join bots b using (bot_id)
  where (%(bot)s::text is null or b.name = %(bot)s) and o.bar_at >= to_timestamp(%(since_ms)s / 1000.0)) as o

-- name: counts
select json_build_object(
  'ticks', (select count(*) from ticks where status = 'done'), 'failed_ticks', (select count(*) from ticks where status = 'failed'),
  'orders', (select count(*) from orders), 'fills', (select count(*) from fills), 'trades', (select count(*) from trades),
  'decisions', (select count(*) from decisions), 'verdicts', (select count(*) from verdicts),
  'risk_events', (select count(*) from risk_events where severity = 'error'),
  'database_bytes', pg_database_size(current_database()))

-- name: why_find
select json_build_object(
  'trade', (
    select json_build_object('bot_id', bot_id, 'symbol', symbol, 'client_ids', (
      select array_agg(client_id) from orders o where o.trade_id = t.trade_id), 'slots', (
      select array_agg(distinct to_ms(slot_at)) from orders o where o.trade_id = t.trade_id and slot_at is not null))
    from trades t where t.trade_id = %(ref)s),
  'order', (
    select json_build_object('bot_id', bot_id, 'symbol', symbol, 'client_ids', array[client_id],
      'slots', array_remove(array[nullif(to_ms(slot_at), 0)], null))
    from orders where client_id = %(ref)s),
  'tick', (
    select json_build_object('client_ids', (
      select array_agg(client_id) from orders o where o.slot_at = t.slot_at), 'slots', array[to_ms(slot_at)])
    from ticks t where t.slot_at = to_timestamp(%(slot_ms)s / 1000.0)),
  'symbol', (
    select json_build_object('bot_id', bot_id, 'symbol', symbol, 'client_ids', (
      select array_agg(client_id) from orders o
      where o.bot_id = v.bot_id and o.symbol = v.symbol and o.slot_at = v.slot_at), 'slots', array[to_ms(slot_at)])
    from verdicts v where v.symbol = %(ref)s order by v.bar_at desc limit 1))

-- name: why_rows
with wanted as (
  select array(select to_timestamp(ms / 1000.0) from unnest(%(slots)s::bigint[]) as s (ms)) as slots,
    %(client_ids)s::text[] as client_ids, %(bot_id)s::integer as bot_id, %(symbol)s::text as symbol
)
select json_build_object(
  'ticks', (
    select json_agg($TickRecord(t, attempts, delay_ms, fence) order by t.slot_at)
    from ticks t where t.slot_at = any (w.slots)),
  'orders', (
    select json_agg($Order(o, slot_ms) order by o.created_at, o.client_id) from orders o where o.client_id = any (w.client_ids)),
  'order_events', (
    select json_agg($OrderEvent(e) order by e.order_event_id) from order_events e where e.client_id = any (w.client_ids)),
  'fills', (
    select json_agg($Fill(f) order by f.filled_at, f.venue_trade_id) from fills f where f.client_id = any (w.client_ids)),
  'trades', (
    select json_agg($Trade(t) order by t.entry_at) from trades t
    where t.trade_id in (select trade_id from orders o where o.client_id = any (w.client_ids))),
  'trade_events', (
    select json_agg($TradeEvent(e) order by e.trade_event_id) from trade_events e
    where e.trade_id in (select trade_id from orders o where o.client_id = any (w.client_ids))),
  'verdicts', (
    select json_agg($Verdict(v, bot_id, slot_ms) order by v.bot_id, v.bar_at, v.symbol) from verdicts v
    where v.slot_at = any (w.slots) and v.bot_id = coalesce(w.bot_id, v.bot_id) and v.symbol = coalesce(w.symbol, v.symbol)),
  'signals', (
    select json_agg($Signal(s, bot_id, slot_ms) order by s.bot_id, s.open_at, s.symbol) from signals s
    where s.slot_at = any (w.slots) and s.bot_id = coalesce(w.bot_id, s.bot_id) and s.symbol = coalesce(w.symbol, s.symbol)),
  'decisions', (
    select json_agg($DecisionRecord(d, slot_ms, fence) order by d.slot_at, d.bot_id, d.fence) from decisions d
    where d.slot_at = any (w.slots) and d.bot_id = coalesce(w.bot_id, d.bot_id)))
from wanted w

-- name: decisions_page
select json_agg($DecisionRecord(d, slot_ms, fence) order by d.slot_at, d.bot_id, d.fence)
from (
  select * from decisions
  where (slot_at, bot_id, fence) > (to_timestamp(%(slot_ms)s / 1000.0), %(bot_id)s, %(fence)s)
  order by slot_at, bot_id, fence limit %(count)s) as d

-- name: queue_command
with meant as (
  select bot_id, name, not (%(kind)s = 'resume' and mode = 'live' and not may_trade_live(bot_id)) as may
  from bots where %(bot)s::text is null or name = %(bot)s
), asked as (
  select bot_id from meant where may
), stepped as (
  -- A person's pause or resume acts at once, whatever tick is under way.
  update bots b set status = case %(kind)s when 'pause' then 'PAUSED' else 'RUNNING' end
  from asked where b.bot_id = asked.bot_id and %(kind)s in ('pause', 'resume')
    and not exists (select from commands where source_key = %(source_key)s)
  returning b.bot_id, b.status, b.state
), noted as (
  insert into bot_state_history (bot_id, status, state, reason, at)
  select bot_id, status, state, %(kind)s || ' asked by ' || %(source)s, coalesce(from_ms(%(now_ms)s), now()) from stepped
  on conflict do nothing
), queued as (
  insert into commands (bot_id, kind, args, source, source_key, requested_at, done_at, result)
  select asked.bot_id, %(kind)s, %(args)s::jsonb, %(source)s, %(source_key)s, coalesce(from_ms(%(now_ms)s), now()),
    case when %(kind)s in ('pause', 'resume') then now() end, case when %(kind)s in ('pause', 'resume') then 'done' else '' end
  from asked
  on conflict do nothing
  returning command_id
)
select
  coalesce(array_agg(command_id), '{}'), (select count(*) from asked),
  (select string_agg(name, ', ') from meant where not may)
from queued

-- name: audit
select json_agg(found) from (
  select 'order ' || o.client_id as where, 'filled is the sum of its fills' as law,
    o.filled::text as stored, coalesce(sum(f.quantity), 0)::text as computed
  from orders o left join fills f using (client_id)
  group by o.client_id having o.filled <> coalesce(sum(f.quantity), 0)
  union all
  select 'position ' || b.name || ' ' || p.symbol, 'open trades hold what the fills left',
    coalesce((select sum(t.open_quantity) from trades t where t.bot_id = p.bot_id and t.symbol = p.symbol), 0)::text,
    p.quantity::text
  from positions p join bots b using (bot_id)
  where p.quantity <> coalesce(
    (select sum(t.open_quantity) from trades t where t.bot_id = p.bot_id and t.symbol = p.symbol), 0)
  union all
  select 'equity of ' || b.name || ' at ' || e.at, 'cash is initial cash plus all fills', e.cash::text, c.cash::text
  from bots b join cash_balances c using (bot_id)
  cross join lateral (select * from equity_snapshots n where n.bot_id = b.bot_id order by n.at desc limit 1) as e
  where abs(e.cash + capital_added_since(b.bot_id, e.at) - c.cash) >= 0.000001
    and not exists (select from fills f where f.bot_id = b.bot_id and f.fence > e.fence)
) as found

-- name: settings_now
select coalesce(max(version), 0), (array_agg(overrides order by version desc))[1] from bot_settings where bot_id = %(bot_id)s

-- name: settings_add
insert into bot_settings (bot_id, version, overrides, changes, author, note, rollback_to)
values (%(bot_id)s, %(version)s, %(overrides)s::jsonb, %(changes)s::jsonb, %(author)s, %(note)s, %(rollback_to)s)

-- name: settings_history
select json_agg(json_build_object(
  'version', s.version, 'overrides', s.overrides, 'changes', s.changes, 'author', s.author, 'note', s.note,
  'rollback_to', s.rollback_to, 'created_ms', to_ms(s.created_at)) order by s.version)
from bot_settings s where s.bot_id = %(bot_id)s

-- Live trading: who let it begin, who raised, stopped or killed it.

-- name: live_bot
select
  b.bot_id, b.name, b.quote, b.status, b.initial_cash, b.baseline,
  (select to_ms(max(d.at)) from live_decisions d where d.bot_id = b.bot_id and d.kind = 'start'),
  may_trade_live(b.bot_id)
from bots b where b.mode = 'live'

-- name: paper_record
select
  (select to_ms(date_trunc('day', min(e.at), 'UTC')) from equity_snapshots e where e.bot_id = b.bot_id),
  (select json_agg(json_build_array(to_ms(d.day), d.equity) order by d.day) from (
    select distinct on (date_trunc('day', e.at, 'UTC')) date_trunc('day', e.at, 'UTC') as day,
      (e.equity + capital_added_since(e.bot_id, e.at))::float8 as equity
    from equity_snapshots e where e.bot_id = b.bot_id
    order by date_trunc('day', e.at, 'UTC'), e.at desc) as d),
  (select json_agg($Trade(t) order by t.exit_at, t.trade_id) from trades t
   where t.bot_id = b.bot_id and t.status = 'closed')
from bots b where b.name = %(bot)s

-- name: add_backtest
insert into backtests
  (name, made_at, code_version, command, data, synthetic, profile, settings, settings_hash, symbols, quote, from_at,
   to_at, equity_start, equity_end, trades, total_return, buy_and_hold_return, max_drawdown, sharpe_ratio,
   sortino_ratio, calmar_ratio, win_rate, profit_factor, exposure_time, total_fees, metrics, checks)
values (
  %(name)s, %(made_at)s, %(code_version)s, %(command)s, %(data)s::jsonb, %(synthetic)s, %(profile)s,
  %(settings)s::jsonb, %(settings_hash)s, %(symbols)s, %(quote)s, %(from_at)s, %(to_at)s, %(equity_start)s,
  %(equity_end)s, %(trades)s, %(total_return)s, %(buy_and_hold_return)s, %(max_drawdown)s, %(sharpe_ratio)s,
  %(sortino_ratio)s, %(calmar_ratio)s, %(win_rate)s, %(profit_factor)s, %(exposure_time)s, %(total_fees)s,
  %(metrics)s::jsonb, %(checks)s::jsonb)
returning backtest_id

-- name: newest_backtest
select to_ms(b.made_at), extract(epoch from b.to_at - b.from_at)::float8 / 86400, b.sharpe_ratio, o.others
from (select count(*) as others from backtests where settings_hash <> %(settings_hash)s and not synthetic) as o
left join lateral (
  select made_at, from_at, to_at, sharpe_ratio from backtests
  where settings_hash = %(settings_hash)s and not synthetic
  order by made_at desc, backtest_id desc limit 1) as b on true

-- name: hold_ticks
-- A row while a tick is under way; otherwise the lease is held, so that none begins before this transaction ends.
with held as (select released_at, expires_at from leases where name = 'tick' for update)
select from held where released_at is null and expires_at > clock_timestamp()

-- name: make_live_bot
insert into bots (name, mode, quote, initial_cash, baseline, status)
values (%(name)s, 'live', %(quote)s, %(capital)s, %(baseline)s::jsonb, 'IDLE')
returning bot_id

-- name: fund_live_bot
update bots b set initial_cash = %(capital)s, baseline = coalesce(%(baseline)s::jsonb, b.baseline)
where b.bot_id = %(bot_id)s
  and (select c.cash from cash_balances c where c.bot_id = b.bot_id) - b.initial_cash + %(capital)s >= 0

-- name: decide_live
insert into live_decisions
  (bot_id, kind, capital, added, added_after, gates, override, reason, author, asked_as)
values (
  %(bot_id)s, %(kind)s, %(capital)s, %(added)s,
  (select max(e.at) from equity_snapshots e where e.bot_id = %(bot_id)s),
  %(gates)s::jsonb, %(override)s, %(reason)s, %(author)s, %(asked_as)s)

-- name: move_live_bot
with moved as (
  update bots set status = %(status)s where bot_id = %(bot_id)s and status <> %(status)s returning bot_id, status, state
)
insert into bot_state_history (bot_id, status, state, reason, at)
select bot_id, status, state, %(reason)s, clock_timestamp() from moved

-- name: set_kill_switch
insert into venue_state as v (killed_reason, killed_at, killed_by)
values (%(reason)s, clock_timestamp(), %(author)s)
on conflict (only_row) do update set
  killed_reason = excluded.killed_reason, killed_by = excluded.killed_by,
  killed_at = case when v.killed_reason = '' then excluded.killed_at else v.killed_at end

-- name: lift_kill_switch
update venue_state set killed_reason = '', killed_at = null, killed_by = ''

-- name: resolve_dead_letter
update dead_letters set resolved_at = clock_timestamp(), resolved_by = %(author)s
where client_id = %(client_id)s and resolved_at is null
returning true
