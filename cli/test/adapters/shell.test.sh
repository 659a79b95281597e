#!/bin/sh
printf '[%s]' "$@"
exit 7
