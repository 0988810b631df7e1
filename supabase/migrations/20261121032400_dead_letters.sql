-- Orders that could not be placed, kept for a person: nothing tries them again.
create table dead_letters (
  client_id text primary key references orders,
  bot_id integer not null references bots,
  symbol text not null check (symbol <> ''),
  leg text not null check (leg in ('entry', 'stop', 'exit')),
  side text not null check (side in ('buy', 'sell')),
  quantity numeric not null check (quantity > 0 and quantity < 'Infinity'),
  why text not null check (why <> ''),
  at timestamptz not null,
  resolved_at timestamptz,
  resolved_by text not null default '',
  check ((resolved_at is null) = (resolved_by = ''))
);

comment on table dead_letters is 'One row per order; a new try is another order. Open until a person has seen to it.';
comment on column dead_letters.quantity is 'Base units.';
comment on column dead_letters.why is 'The venue''s own words, or ours.';

create index dead_letters_recent on dead_letters (at desc);

alter table dead_letters enable row level security;
revoke all on dead_letters from public, anon, authenticated;
grant select on dead_letters to authenticated;
grant all on dead_letters to service_role;
create policy dead_letters_are_read on dead_letters for select to authenticated using (true);
