-- The right to write: one row, one holder, and a fencing number that grows with every new holder.
create table leases (
  name text primary key,
  holder text not null check (holder <> ''),
  token bigint not null check (token > 0),
  lasts interval not null check (lasts > interval '0'),
  acquired_at timestamptz not null,
  expires_at timestamptz not null,
  released_at timestamptz
);

comment on table leases is 'Advisory locks do not survive a transaction pooler; a row does. Times are the database''s own clock.';
comment on column leases.token is 'Fencing number: every write under the lease names it.';
comment on column leases.lasts is 'Each write under the lease renews it for this long.';
comment on column leases.released_at is 'Given back by its holder; null while held, or when it ran out.';

alter table leases enable row level security;
revoke all on leases from public, anon, authenticated;
grant select on leases to authenticated;
grant all on leases to service_role;
create policy leases_are_read on leases for select to authenticated using (true);

-- Take or renew a lease. Leaves the row alone when another run holds it.
create function take_lease(lease_name text, new_holder text, new_lasts interval) returns void
  language sql
  as $$
    insert into leases as l (name, holder, token, lasts, acquired_at, expires_at)
    values (lease_name, new_holder, 1, new_lasts, clock_timestamp(), clock_timestamp() + new_lasts)
    on conflict (name) do update set
      holder = excluded.holder,
      token = l.token + case when l.holder = excluded.holder and l.expires_at > clock_timestamp() then 0 else 1 end,
      lasts = excluded.lasts,
      acquired_at = case when l.holder = excluded.holder and l.expires_at > clock_timestamp()
        then l.acquired_at else excluded.acquired_at end,
      expires_at = excluded.expires_at,
      released_at = null
    where l.holder = excluded.holder or l.expires_at <= clock_timestamp()
  $$;

-- First statement of every write: locks the lease row, refuses a run that lost it, renews or gives it back.
-- A repeated last write (its answer was lost on the way) is let through: nobody else took the lease since.
create function hold_lease(lease_name text, my_holder text, my_token bigint, give_back boolean) returns void
  language plpgsql
  as $$
  declare
    held leases;
  begin
    select * into held from leases where name = lease_name for update;
    if held.holder is distinct from my_holder or held.token is distinct from my_token then
      raise exception using errcode = 'MT001',
        message = format('lease "%s" with fencing number %s is gone: %s holds number %s',
          lease_name, my_token, coalesce(held.holder, 'nobody'), coalesce(held.token, 0));
    elsif held.released_at is not null and not give_back then
      raise exception using errcode = 'MT001',
        message = format('lease "%s" with fencing number %s was given back at %s', lease_name, my_token, held.released_at);
    elsif held.released_at is null and held.expires_at <= clock_timestamp() then
      raise exception using errcode = 'MT001',
        message = format('lease "%s" with fencing number %s ran out at %s', lease_name, my_token, held.expires_at);
    end if;
    update leases set
      expires_at = case when give_back then clock_timestamp() else clock_timestamp() + lasts end,
      released_at = case when give_back then coalesce(released_at, clock_timestamp()) end
    where name = lease_name;
  end
  $$;

revoke all on function take_lease(text, text, interval), hold_lease(text, text, bigint, boolean) from public, anon, authenticated;
grant execute on function take_lease(text, text, interval), hold_lease(text, text, bigint, boolean) to service_role;
