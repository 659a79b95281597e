# Writes two things from the Secret to a volume in memory: the Erlang cookie, which only its owner may read, and the
# administrator, as whom the Job declares everything else. The shell writes the password itself, so that it never appears
# in a list of processes.
set -eu
umask 077

cat /run/secrets/rabbitmq/cookie > /run/rabbitmq/.erlang.cookie
chmod 0400 /run/rabbitmq/.erlang.cookie

password=$(cat /run/secrets/rabbitmq/admin)
case $password in
  '' | *[\"\\]*)
    echo "Secret rabbitmq: the password admin is empty or contains a quote or a backslash" >&2
    exit 1
    ;;
esac

cat > /run/rabbitmq/definitions.json <<JSON
{
  "users": [{ "name": "admin", "password": "$password", "tags": ["administrator"] }],
  "vhosts": [{ "name": "/" }],
  "permissions": [{ "vhost": "/", "user": "admin", "configure": ".*", "write": ".*", "read": ".*" }]
}
JSON
