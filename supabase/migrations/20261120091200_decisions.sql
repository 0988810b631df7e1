-- Inputs and outputs of each decision, enough to run it again and compare.
create table decisions (
  bot_id integer not null references bots,
  slot_at timestamptz not null references ticks,
  fence bigint not null check (fence > 0),
  inputs jsonb not null,
  outputs jsonb not null,
  settings_version integer not null check (settings_version >= 0),
  code_version text not null,
  created_at timestamptz not null default now(),
  primary key (bot_id, slot_at, fence)
);

comment on table decisions is 'One row per bot and attempt at a slot: a run that follows a killed one adds its own.';
comment on column decisions.fence is 'Fencing number of the run that decided.';

alter table decisions enable row level security;
revoke all on decisions from public, anon, authenticated;
grant select on decisions to authenticated;
grant all on decisions to service_role;
create policy decisions_are_read on decisions for select to authenticated using (true);
