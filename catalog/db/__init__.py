"""Tables, column types, connections and migrations, on SQLite and PostgreSQL."""
