-- Every step of a bot's state machine, with its reason.
create table bot_state_history (
  bot_state_history_id bigint generated always as identity primary key,
  bot_id integer not null references bots,
  status text not null check (status in ('IDLE', 'RUNNING', 'PAUSED', 'ERROR')),
  state text not null
    check (state in ('IDLE', 'MONITORING', 'SIGNAL_DETECTED', 'POSITION_OPEN', 'POSITION_CLOSED')),
  reason text not null,
  at timestamptz not null,
  unique (bot_id, at, status, state, reason)
);

comment on table bot_state_history is 'Steps of the bot state machine, oldest first.';

alter table bot_state_history enable row level security;
revoke all on bot_state_history from public, anon, authenticated;
grant select on bot_state_history to authenticated;
grant all on bot_state_history to service_role;
create policy bot_state_history_are_read on bot_state_history for select to authenticated using (true);
