-- Audit trail of a trade: opened, added, stop_moved, armed, closed.
create table trade_events (
  trade_event_id bigint generated always as identity primary key,
  trade_id text not null references trades,
  kind text not null check (kind <> ''),
  at timestamptz not null,
  detail jsonb not null
);

comment on table trade_events is 'Append-only.';

-- The same step reported twice is one step.
create unique index trade_events_once on trade_events (trade_id, kind, at, md5(detail::text));

alter table trade_events enable row level security;
revoke all on trade_events from public, anon, authenticated;
grant select on trade_events to authenticated;
grant all on trade_events to service_role;
create policy trade_events_are_read on trade_events for select to authenticated using (true);
