-- What people asked for: rows, so that the next tick finds them and nothing is done twice.
create table commands (
  command_id bigint generated always as identity primary key,
  bot_id integer not null references bots,
  kind text not null check (kind in ('pause', 'resume', 'close', 'close_all')),
  args jsonb not null default '{}' check (jsonb_typeof(args) = 'object'),
  source text not null check (source <> ''),
  source_key text unique,
  requested_at timestamptz not null default now(),
  done_at timestamptz,
  result text not null default '',
  check (kind <> 'close' or args ? 'symbol')
);

comment on table commands is 'pause and resume act at once, close and close_all at the next tick.';
comment on column commands.source is 'Who asked: cli, telegram:<user>, dashboard:<user>.';
comment on column commands.source_key is 'The asker''s own id of the request, so that it counts once.';
comment on column commands.result is 'What came of it, for a person.';

create index commands_waiting on commands (bot_id, command_id) where done_at is null;

alter table commands enable row level security;
revoke all on commands from public, anon, authenticated;
grant select on commands to authenticated;
grant all on commands to service_role;
create policy commands_are_read on commands for select to authenticated using (true);
