-- Roles that Supabase has already, made here so that any Postgres can hold the same policies; and the list of migrations.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values ('anon', false), ('authenticated', false), ('service_role', true)) as r (name, bypass)
  loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = wanted.name) then
        execute format('create role %I nologin noinherit %s', wanted.name, case when wanted.bypass then 'bypassrls' else '' end);
      end if;
    exception
      -- Roles belong to the whole server: another database may have made it this instant.
      when duplicate_object or unique_violation then null;
    end;
  end loop;
end
$$;

create table schema_migrations (
  version text primary key check (version ~ '^\d{14}$'),
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);

comment on table schema_migrations is 'One row per applied file of supabase/migrations.';
comment on column schema_migrations.version is 'The file name''s time stamp, YYYYMMDDHHMMSS.';
comment on column schema_migrations.checksum is 'SHA-256 of the file as it was applied, hexadecimal.';

alter table schema_migrations enable row level security;
revoke all on schema_migrations from public, anon, authenticated;
grant select on schema_migrations to authenticated;
grant all on schema_migrations to service_role;
create policy schema_migrations_are_read on schema_migrations for select to authenticated using (true);
