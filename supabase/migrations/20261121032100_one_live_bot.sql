-- One venue account, one bot that trades with it; what else lies in that account is written down.
alter table bots
  add column baseline jsonb not null default '{}' check (jsonb_typeof(baseline) = 'object'),
  add check (mode = 'live' or baseline = '{}');

comment on column bots.baseline is 'What the account held beside the bot''s own when it went live: {"EUR": "12.5"}, amounts as text.';

create unique index bots_one_live on bots (mode) where mode = 'live';

create function keep_bot_law() returns trigger
  language plpgsql
  as $$
  begin
    if (new.mode, new.quote) is distinct from (old.mode, old.quote)
       and exists (select from orders o where o.bot_id = old.bot_id) then
      raise exception using errcode = 'MT003',
        message = format('bot %s has orders: its mode and its currency stay what they are', old.name);
    end if;
    return new;
  end
  $$;

revoke all on function keep_bot_law() from public, anon, authenticated;
create trigger keep_bot_law before update of mode, quote on bots for each row execute function keep_bot_law();
