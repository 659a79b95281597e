# Puts what the server needs of the Secret into memory: the cookie, which must be its owner's alone, and the users.
# $USERS names the services. The shell itself writes the passwords: none is ever an argument.
set -eu
umask 077

cat /run/secrets/rabbitmq/cookie > /run/rabbitmq/.erlang.cookie
chmod 0400 /run/rabbitmq/.erlang.cookie

user() {
  password=$(cat "/run/secrets/rabbitmq/$1")
  case $password in
    '' | *[\"\\]*)
      echo "Secret rabbitmq: the password $1 is empty or holds a quote or a backslash" >&2
      exit 1
      ;;
  esac
  printf '{ "name": "%s", "password": "%s", "tags": [%s] }' "$1" "$password" "$2"
}

definitions=/run/rabbitmq/definitions
mkdir -p "$definitions"
{
  printf '{ "users": ['
  user admin '"administrator"'
  for name in $USERS; do
    printf ', '
    user "$name" ''
  done
  printf '] }\n'
} > "$definitions/1-users.json"
cat /etc/rabbitmq/topology.json > "$definitions/2-topology.json"
