#!/usr/bin/env bash
# README.md's "Growing" against running services with the demo data, checked at each step: a new
# organization each time. See steps.sh for what it needs.
#   MAIL_DIRECTORY           where identity's worker puts mails (default: .data/mail)
# shellcheck source=infra/container/steps.sh
. "$(dirname "$0")/steps.sh"
MAIL_DIRECTORY=${MAIL_DIRECTORY:-.data/mail}
name=initech-$$-$RANDOM
bill=bill@$name.example.com
password='a stapler of my own'

sign_in platform@numbersence.com platform123; admin=$signed_in
expect 201 "an admin founds $name" "$CORE/admin/orgs" -H "$(as "$admin")" -H "$JSON" \
  -d "{\"name\": \"$name\", \"first_owner_email\": \"$bill\"}"
for _ in $(seq 300); do
  mail=$(grep -ls "To: $bill" "$MAIL_DIRECTORY"/*.eml || true)
  [ -z "$mail" ] || break
  sleep 0.2
done
[ -n "$mail" ] || { echo "FAILED: no mail to $bill lies in $MAIL_DIRECTORY" >&2; exit 1; }
invitation=$(grep -o "token=[A-Za-z0-9_-]*" "$mail" | tail -1 | cut -d= -f2)
expect 201 "its owner accepts" "$IDENTITY/invitations/accept" -H "$JSON" \
  -d "{\"token\": \"$invitation\", \"name\": \"Bill\", \"password\": \"$password\"}"
sign_in "$bill" "$password"; owner=$signed_in
expect 200 "he sees his trial" "$CORE/org" -H "$(as "$owner")"
json '["trial_ends_at"]' >/dev/null

expect 201 "he registers a program" "$IDENTITY/service-accounts" -H "$(as "$owner")" -H "$JSON" \
  -d '{"name": "importer", "role": "standard"}'
credentials=$(json '["id"]'):$(json '["secret"]["client_secret"]')
expect 200 "it gets a token" "$IDENTITY/token" -u "$credentials" -d grant_type=client_credentials
program=$(json '["access_token"]')
for what in "it makes a popup" "and is answered the same"; do
  expect 201 "$what" "$CORE/popups" -H "$(as "$program")" -H "$JSON" \
    -H "Idempotency-Key: import-1" -d '{"name": "By machine"}'
  made="${made:-} $(json '["id"]')"
done
expect 200 "there is one" "$CORE/popups" -H "$(as "$owner")"
there=$(json '["results"][0]["id"]')
[ "$made" = " $there $there" ] || { echo "FAILED: made$made, there is $there" >&2; exit 1; }
echo "The walk is done."
