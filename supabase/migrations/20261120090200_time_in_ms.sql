-- Programs speak milliseconds since the epoch, tables speak timestamptz: two functions between them.
create function from_ms(ms bigint) returns timestamptz
  language sql immutable parallel safe
  as $$ select to_timestamp(nullif(ms, 0) / 1000.0) $$;

create function to_ms(moment timestamptz) returns bigint
  language sql stable parallel safe
  as $$ select coalesce((extract(epoch from moment) * 1000)::bigint, 0) $$;

comment on function from_ms(bigint) is 'Moment of a count of ms since the epoch, UTC. 0 means not set: null.';
comment on function to_ms(timestamptz) is 'ms since the epoch, UTC. Null means not set: 0.';

revoke all on function from_ms(bigint), to_ms(timestamptz) from public, anon;
grant execute on function from_ms(bigint), to_ms(timestamptz) to authenticated, service_role;
