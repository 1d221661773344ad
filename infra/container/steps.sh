# Steps of a walk against running services, each checked: sourced by the walks beside this file.
# Needs curl and python3.
#   CORE_URL, IDENTITY_URL   where the services answer (default: http://localhost:$CORE_PORT and
#                            http://localhost:$IDENTITY_PORT, else those of `make up`)
# shellcheck shell=bash disable=SC2034 # what is set here is for the walks
set -euo pipefail
CORE=${CORE_URL:-http://localhost:${CORE_PORT:-8000}}/api/v1
IDENTITY=${IDENTITY_URL:-http://localhost:${IDENTITY_PORT:-8001}}
body=$(mktemp)
trap 'rm -f "$body"' EXIT

# expect STATUS[/CODE] WHAT CURL-ARGUMENTS…: the answer's body is kept in $body.
expect() {
  local wanted=$1 what=$2 found
  shift 2
  found=$(curl -sS --max-time 20 -o "$body" -w '%{http_code}' "$@")
  if [ "$found" -ge 400 ]; then found=$found/$(json '["detail"]' || true); fi
  if [ "$found" != "$wanted" ]; then
    echo "FAILED: $what: $found, not $wanted: $(cat "$body")" >&2
    exit 1
  fi
  printf '%-24s %s\n' "$found" "$what"
}

json() { python3 -c "import json; print(json.load(open('$body'))$1)"; }

as() { printf 'Authorization: Bearer %s' "$1"; }

sign_in() { # sign_in ADDRESS PASSWORD: the access token in $signed_in
  expect 200 "$1 signs in" "$IDENTITY/token" -d "username=$1" --data-urlencode "password=$2"
  signed_in=$(json '["access_token"]')
}

JSON='Content-Type: application/json'
