# Puts what the server needs of the Secret into memory: the cookie, which must be its owner's alone, and the
# administrator, by whom the Job declares all else. The shell itself writes the password: it is never an argument.
set -eu
umask 077

cat /run/secrets/rabbitmq/cookie > /run/rabbitmq/.erlang.cookie
chmod 0400 /run/rabbitmq/.erlang.cookie

password=$(cat /run/secrets/rabbitmq/admin)
case $password in
  '' | *[\"\\]*)
    echo "Secret rabbitmq: the password admin is empty or holds a quote or a backslash" >&2
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
