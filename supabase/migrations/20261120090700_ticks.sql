-- The slot ledger: which five-minute slots were worked, when, how late, and what came of them.
create table ticks (
  slot_at timestamptz primary key,
  now_at timestamptz not null,
  delay_ms bigint generated always as ((extract(epoch from now_at - slot_at) * 1000)::bigint) stored,
  mode text not null check (mode <> ''),
  status text not null check (status in ('running', 'done', 'failed')),
  attempts integer not null default 1 check (attempts > 0),
  missed_slots integer not null default 0 check (missed_slots >= 0),
  fence bigint not null check (fence > 0),
  timings_ms jsonb not null default '{}',
  report jsonb not null default '{}',
  error text not null default '',
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  check (now_at >= slot_at)
);

comment on table ticks is 'One row per slot. A slot that is done stays done.';
comment on column ticks.slot_at is 'Start of the slot by the venue''s clock.';
comment on column ticks.now_at is 'The venue''s time when work began.';
comment on column ticks.attempts is 'How many runs, by fencing number, have worked on this slot.';
comment on column ticks.missed_slots is 'Slots between the last done one and this that nobody worked.';
comment on column ticks.fence is 'Fencing number of the last run that worked on it.';
comment on column ticks.report is 'The JSON report of the tick.';
comment on column ticks.started_at is 'Database clock, first attempt.';

create index ticks_done on ticks (slot_at desc) where status = 'done';
create index ticks_fence on ticks (fence, slot_at desc);

alter table ticks enable row level security;
revoke all on ticks from public, anon, authenticated;
grant select on ticks to authenticated;
grant all on ticks to service_role;
create policy ticks_are_read on ticks for select to authenticated using (true);

create function keep_done_ticks() returns trigger
  language plpgsql
  as $$
  begin
    if old.status = 'done' and new.status <> 'done' then
      raise exception using errcode = 'MT002', message = format('slot %s is done and stays done', old.slot_at);
    end if;
    return new;
  end
  $$;

revoke all on function keep_done_ticks() from public, anon, authenticated;
create trigger keep_done_ticks before update on ticks for each row execute function keep_done_ticks();
