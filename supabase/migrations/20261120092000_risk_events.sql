-- What a person should know: one open event for each bot and cause.
create table risk_events (
  risk_event_id bigint generated always as identity primary key,
  bot_id integer not null check (bot_id >= 0),
  key text not null check (key <> ''),
  symbol text not null default '',
  kind text not null check (kind <> ''),
  severity text not null check (severity in ('info', 'warning', 'error')),
  message text not null,
  fix text not null default '',
  at timestamptz not null,
  last_at timestamptz not null,
  times integer not null default 1 check (times > 0),
  resolved_at timestamptz
);

comment on table risk_events is 'Open until the cause is gone.';
comment on column risk_events.bot_id is '0: all bots.';
comment on column risk_events.at is 'First seen.';
comment on column risk_events.last_at is 'Last seen, after `times` sightings.';

create unique index risk_events_open on risk_events (bot_id, key) where resolved_at is null;
create index risk_events_recent on risk_events (at desc);

alter table risk_events enable row level security;
revoke all on risk_events from public, anon, authenticated;
grant select on risk_events to authenticated;
grant all on risk_events to service_role;
create policy risk_events_are_read on risk_events for select to authenticated using (true);
