"""PostgreSQL as the engine of a cluster; the only part that imports psycopg."""
