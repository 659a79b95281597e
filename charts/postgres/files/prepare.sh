# Makes the data directory when there is none, and a role and a database for each name in $DATABASES. Runs before
# every start of the server and changes only what is missing; passwords always become those of the Secret.
set -eu

if [ ! -d "$PGDATA" ]; then
  # Under another name until it is whole: an interrupted initdb must not pass for a database.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --pwfile=/run/secrets/postgres/admin --auth=scram-sha-256 \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --data-checksums
  mv "$PGDATA.new" "$PGDATA"
fi
# A volume's group permissions may have been widened; the server insists on these.
chmod 0700 "$PGDATA"

# Reachable by socket only, and silent about statements, since these hold passwords.
pg_ctl start --pgdata="$PGDATA" --timeout=600 --silent \
  --options="-c config_file=/etc/postgresql/postgresql.conf -c listen_addresses= -c log_min_error_statement=panic -c log_min_duration_statement=-1"

run() { psql --host=/run/postgresql --username=postgres --dbname=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"; }

# psql reads the passwords from their files itself: none is ever an argument.
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

pg_ctl stop --pgdata="$PGDATA" --mode=fast --silent
