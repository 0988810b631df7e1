-- Each step in an order's life, with the venue's answer.
create table order_events (
  order_event_id bigint generated always as identity primary key,
  client_id text not null references orders,
  from_status text,
  to_status text not null,
  at timestamptz not null,
  detail jsonb not null
);

comment on table order_events is 'Append-only audit trail of orders.';
comment on column order_events.detail is 'The venue''s answer, never a secret.';

-- The same step reported twice is one step.
create unique index order_events_once on order_events (client_id, to_status, at, md5(detail::text));

alter table order_events enable row level security;
revoke all on order_events from public, anon, authenticated;
grant select on order_events to authenticated;
grant all on order_events to service_role;
create policy order_events_are_read on order_events for select to authenticated using (true);
