"""Pages over the same database. To come."""
