"""The steps from one schema to the next. Imported only when a database is behind."""
