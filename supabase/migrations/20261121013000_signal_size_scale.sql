-- How much of the usual risk the leading strategy wants to take; signals before this took all of it.
alter table signals
  add column size_scale double precision not null default 1 check (size_scale > 0 and size_scale <= 1);

comment on column signals.size_scale is 'Share of the rulebook''s size that the leader wants to buy.';
