-- Who let real money trade, on what grounds, and who took that back. Without a row here no live bot runs.
create table live_decisions (
  live_decision_id bigint generated always as identity primary key,
  bot_id integer references bots,
  kind text not null check (kind in (
    'start', -- the bot may trade with `capital`
    'raise', -- with more than before
    'stop', -- it may enter nothing any more
    'kill', -- nothing at all is sent
    'release' -- the end of a kill
  )),
  capital numeric check (capital > 0 and capital < 'Infinity'),
  added numeric not null default 0 check (added > '-Infinity' and added < 'Infinity'),
  added_after timestamptz,
  gates jsonb not null default '[]' check (jsonb_typeof(gates) = 'array'),
  override text not null default '',
  reason text not null default '',
  author text not null check (author <> ''),
  asked_as text not null unique check (asked_as <> ''),
  at timestamptz not null default clock_timestamp(),
  check (kind in ('kill', 'release') or bot_id is not null),
  check (kind not in ('start', 'raise') or capital is not null),
  check (kind not in ('stop', 'kill') or btrim(reason) <> ''),
  -- All gates hold, one at least was asked, or a person said in writing why not.
  constraint gates_hold_or_are_overridden check (
    kind not in ('start', 'raise')
    or btrim(override) <> ''
    or gates <> '[]'
      and jsonb_array_length(jsonb_path_query_array(gates, 'strict $[*] ? (@.ok == true)')) = jsonb_array_length(gates))
);

comment on table live_decisions is 'Append-only.';
comment on column live_decisions.bot_id is 'Null: of the kill switch where there is no live bot.';
comment on column live_decisions.capital is 'What the bot may trade with from here on, quote currency.';
comment on column live_decisions.added is 'How much more that is than its initial cash was before, quote currency.';
comment on column live_decisions.added_after is 'The bot''s newest equity snapshot then, which does not have it yet.';
comment on column live_decisions.gates is 'What was asked and found: [{"name", "ok", ...}].';
comment on column live_decisions.override is 'The written reason of a person who went on although a gate did not hold.';
comment on column live_decisions.asked_as is 'The asker''s own id of the request, so that it counts once.';
comment on column live_decisions.at is 'Database clock.';

create index live_decisions_bot on live_decisions (bot_id, live_decision_id desc);

alter table live_decisions enable row level security;
revoke all on live_decisions from public, anon, authenticated;
grant select on live_decisions to authenticated;
grant all on live_decisions to service_role;
create policy live_decisions_are_read on live_decisions for select to authenticated using (true);

create trigger live_decisions_are_append_only before update or delete on live_decisions
  for each row execute function refuse_change();

create function may_trade_live(bot integer) returns boolean
  language sql stable
  as $$
    select coalesce((
      select kind <> 'stop' from live_decisions
      where bot_id = bot and kind in ('start', 'raise', 'stop') order by live_decision_id desc limit 1), false)
  $$;

comment on function may_trade_live(integer) is 'Whether the newest word on this bot is that it may trade.';

create function capital_added_since(bot integer, moment timestamptz) returns numeric
  language sql stable
  as $$
    select coalesce(sum(added), 0) from live_decisions where bot_id = bot and added <> 0 and added_after >= moment
  $$;

comment on function capital_added_since(integer, timestamptz) is
  'Capital that came in after the equity snapshot of that moment: neither a profit nor a recovery.';

create function refuse_unasked_live() returns trigger
  language plpgsql
  as $$
  begin
    if not may_trade_live(new.bot_id) then
      raise exception using errcode = 'MT003',
        message = format('bot %s trades with real money and runs only after a decision to start it (live_decisions)', new.name);
    end if;
    return new;
  end
  $$;

revoke all on function may_trade_live(integer), capital_added_since(integer, timestamptz), refuse_unasked_live()
  from public, anon, authenticated;
grant execute on function may_trade_live(integer), capital_added_since(integer, timestamptz)
  to authenticated, service_role;
create trigger refuse_unasked_live before insert or update of status on bots for each row
  when (new.mode = 'live' and new.status = 'RUNNING')
  execute function refuse_unasked_live();
