-- Closed candles, one narrow row each; the series (symbol, timeframe) is named once.
create table candle_series (
  series_id integer generated always as identity primary key,
  symbol text not null check (symbol <> ''),
  timeframe text not null check (timeframe in ('1m', '5m', '15m', '30m', '1h', '4h', '1d')),
  unique (symbol, timeframe)
);

comment on table candle_series is 'One row per symbol and timeframe that has candles.';

alter table candle_series enable row level security;
revoke all on candle_series from public, anon, authenticated;
grant select on candle_series to authenticated;
grant all on candle_series to service_role;
create policy candle_series_are_read on candle_series for select to authenticated using (true);

create table candles (
  open_at timestamptz not null,
  open double precision not null,
  high double precision not null,
  low double precision not null,
  close double precision not null,
  volume double precision not null,
  series_id integer not null references candle_series,
  filled boolean not null,
  primary key (series_id, open_at),
  -- NaN sorts above Infinity in Postgres: an upper bound keeps both out.
  check (low > 0 and high < 'Infinity' and open between low and high and close between low and high),
  check (volume >= 0 and volume < 'Infinity')
);

comment on table candles is 'Closed candles only. Widest columns first: a row is 80 bytes.';
comment on column candles.open_at is 'The candle''s name: its open time.';
comment on column candles.open is 'Prices in quote currency per base unit.';
comment on column candles.volume is 'Base units.';
comment on column candles.filled is 'No trade made it: previous close, volume 0.';

alter table candles enable row level security;
revoke all on candles from public, anon, authenticated;
grant select on candles to authenticated;
grant all on candles to service_role;
create policy candles_are_read on candles for select to authenticated using (true);
