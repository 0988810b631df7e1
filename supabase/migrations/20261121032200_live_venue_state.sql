-- What one process must tell the next of the venue's private side: failures in a row, until when to leave it alone.
alter table venue_state
  add column live jsonb not null default '{}' check (jsonb_typeof(live) = 'object');

comment on column venue_state.live is 'The private side as the live adapter keeps it.';
