# Runs before every start of the server. Creates the data directory, and a role and a database for each name in
# $DATABASES, unless they exist, and the role `monitor` if the Secret has a password for it. Always sets the passwords to
# those of the Secret.
set -eu

if [ ! -d "$PGDATA" ]; then
  # It gets its name when it is complete, so that an interrupted initdb is not taken for a data directory.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --pwfile=/run/secrets/postgres/admin --auth=scram-sha-256 \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --data-checksums
  mv "$PGDATA.new" "$PGDATA"
fi
# Mounting the volume may have added group permissions, with which the server does not start.
chmod 0700 "$PGDATA"

# Listen on the socket only. Do not log statements, because they contain passwords.
pg_ctl start --pgdata="$PGDATA" --timeout=600 --silent \
  --options="-c config_file=/etc/postgresql/postgresql.conf -c listen_addresses= -c log_min_error_statement=panic -c log_min_duration_statement=-1"

run() { psql --host=/run/postgresql --username=postgres --dbname=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"; }

# psql reads the passwords from the files itself, so that they never appear in a list of processes.
run <<'SQL'
\set password `cat /run/secrets/postgres/admin`
ALTER ROLE postgres PASSWORD :'password';
SQL

for name in $DATABASES; do
  run --set=name="$name" <<'SQL'
\setenv NAME :name
\set password `cat "/run/secrets/postgres/$NAME"`
SELECT format('CREATE ROLE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" LOGIN PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL
done

# Reads statistics of the server, and no data.
if [ -f /run/secrets/postgres/monitor ]; then
  run <<'SQL'
\set password `cat /run/secrets/postgres/monitor`
SELECT 'CREATE ROLE monitor' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'monitor') \gexec
ALTER ROLE monitor LOGIN CONNECTION LIMIT 5 PASSWORD :'password';
GRANT pg_monitor TO monitor;
SQL
fi

pg_ctl stop --pgdata="$PGDATA" --mode=fast --silent
