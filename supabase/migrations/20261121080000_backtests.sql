-- Results of backtests, kept on request: what real money is let in by, and what dashboards compare.
create table backtests (
  backtest_id bigint generated always as identity primary key,
  name text not null check (name <> ''),
  made_at timestamptz not null,
  code_version text not null check (code_version <> ''),
  command text not null default '',
  data jsonb not null check (data ? 'name' and data ? 'hash'),
  synthetic boolean not null,
  profile text not null,
  settings jsonb not null check (jsonb_typeof(settings) = 'object'),
  settings_hash text not null check (settings_hash <> ''),
  symbols text[] not null check (cardinality(symbols) > 0),
  quote text not null check (quote <> ''),
  from_at timestamptz not null,
  to_at timestamptz not null check (to_at > from_at),
  equity_start double precision not null,
  equity_end double precision not null,
  trades integer not null check (trades >= 0),
  total_return double precision,
  buy_and_hold_return double precision,
  max_drawdown double precision,
  sharpe_ratio double precision,
  sortino_ratio double precision,
  calmar_ratio double precision,
  win_rate double precision,
  profit_factor double precision,
  exposure_time double precision,
  total_fees double precision,
  metrics jsonb not null check (jsonb_typeof(metrics) = 'object'),
  checks jsonb not null default '{}' check (jsonb_typeof(checks) = 'object')
);

comment on table backtests is 'One row per period that was tested with --save; never changed.';
comment on column backtests.data is 'Name of the candle directory, and a hash of the very candles that were tested.';
comment on column backtests.synthetic is 'Made-up candles: they count for nothing before real money.';
comment on column backtests.settings_hash is 'Of what decides trades: risk, strategies, decision candles.';
comment on column backtests.trades is 'Closed ones.';
comment on column backtests.total_return is 'Fraction, as all returns, drawdowns and rates here; null where it has no meaning.';
comment on column backtests.sharpe_ratio is 'Yearly, of daily returns.';
comment on column backtests.total_fees is 'Quote currency, as both equities.';
comment on column backtests.checks is 'Monte Carlo, random entries, deflated Sharpe ratio, walk-forward and what else was asked for.';

create index backtests_by_settings on backtests (settings_hash, made_at desc);

alter table backtests enable row level security;
revoke all on backtests from public, anon, authenticated;
grant select on backtests to authenticated;
grant all on backtests to service_role;
create policy backtests_are_read on backtests for select to authenticated using (true);
