-- Under what name a venue's orders list a symbol: without it a tick could not tell whose order it reads.
alter table venue_markets
  add column altname text not null default '';

comment on column venue_markets.altname is 'The venue''s name of the symbol in its orders; empty where that is venue_id.';
