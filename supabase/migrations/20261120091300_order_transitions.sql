-- Who may follow whom in an order's life; a status without a follower is final.
create table order_transitions (
  from_status text not null,
  to_status text not null,
  primary key (from_status, to_status)
);

comment on table order_transitions is 'The same law as NEXT_STATUS in bot/domain/orders.py.';

insert into order_transitions (from_status, to_status) values
  ('planned', 'submitting'), ('planned', 'cancelled'), ('planned', 'not_placed'),
  ('submitting', 'open'), ('submitting', 'partially_filled'), ('submitting', 'filled'), ('submitting', 'rejected'),
  ('submitting', 'unknown'), ('submitting', 'not_placed'), ('submitting', 'expired'), ('submitting', 'cancelled'),
  ('unknown', 'open'), ('unknown', 'partially_filled'), ('unknown', 'filled'), ('unknown', 'cancelled'),
  ('unknown', 'expired'), ('unknown', 'not_placed'), ('unknown', 'rejected'),
  ('open', 'partially_filled'), ('open', 'filled'), ('open', 'cancelled'), ('open', 'expired'),
  ('partially_filled', 'partially_filled'), ('partially_filled', 'filled'),
  ('partially_filled', 'cancelled'), ('partially_filled', 'expired');

alter table order_transitions enable row level security;
revoke all on order_transitions from public, anon, authenticated;
grant select on order_transitions to authenticated;
grant all on order_transitions to service_role;
create policy order_transitions_are_read on order_transitions for select to authenticated using (true);
