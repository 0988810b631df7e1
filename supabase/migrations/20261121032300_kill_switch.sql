-- The kill switch: while it is on nothing is sent to a venue with real money. What rests there, stops first, stays.
alter table venue_state
  add column killed_reason text not null default '',
  add column killed_at timestamptz,
  add column killed_by text not null default '',
  add check ((killed_reason = '') = (killed_at is null)),
  add check ((killed_reason = '') = (killed_by = ''));

comment on column venue_state.killed_reason is 'Why the kill switch is on; empty while it is off.';
comment on column venue_state.killed_at is 'Since when, database clock.';

-- A tick under way began before the switch was thrown. Its next new entry is refused; protection is not.
create function refuse_entries_when_killed() returns trigger
  language plpgsql
  as $$
  declare
    why text;
  begin
    select v.killed_reason into why from venue_state v
    where v.killed_reason <> '' and (select b.mode from bots b where b.bot_id = new.bot_id) = 'live';
    if found and not exists (select from orders o where o.client_id = new.client_id) then
      raise exception using errcode = 'MT004', message = format('the kill switch is on: %s', why);
    end if;
    return new;
  end
  $$;

revoke all on function refuse_entries_when_killed() from public, anon, authenticated;
create trigger refuse_entries_when_killed before insert on orders for each row
  when (new.leg = 'entry' and new.status in ('planned', 'submitting'))
  execute function refuse_entries_when_killed();
