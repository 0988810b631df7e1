-- A bot's own settings, append-only: every change is a version with an author, a rollback is one more version.
create table bot_settings (
  bot_id integer not null references bots,
  version integer not null check (version > 0),
  overrides jsonb not null check (jsonb_typeof(overrides) = 'object'),
  changes jsonb not null default '{}' check (jsonb_typeof(changes) = 'object'),
  author text not null check (author <> ''),
  note text not null default '',
  rollback_to integer,
  created_at timestamptz not null default now(),
  primary key (bot_id, version),
  check (rollback_to is null or rollback_to between 0 and version - 1)
);

comment on table bot_settings is 'Settings that differ from file and environment. The highest version counts.';
comment on column bot_settings.overrides is 'All overrides of this version, nested: {"risk": {"max_position_frac": 0.1}}.';
comment on column bot_settings.changes is 'What this version changed: {"risk.max_position_frac": {"from": 0.1, "to": 0.2}}; null is "no override".';
comment on column bot_settings.rollback_to is 'The version whose overrides were taken back (0: none at all), null for an ordinary change.';

alter table bot_settings enable row level security;
revoke all on bot_settings from public, anon, authenticated;
grant select on bot_settings to authenticated;
grant all on bot_settings to service_role;
create policy bot_settings_are_read on bot_settings for select to authenticated using (true);
