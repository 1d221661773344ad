#!/usr/bin/env bash
# The walk of README.md against running services with the demo data, checked at each step. It
# leaves the organizations as it found them and may be repeated. See steps.sh for what it needs.
#   REVOCATION_SECONDS       how long signing out may take to reach the core (default 5)
# shellcheck source=infra/container/steps.sh
. "$(dirname "$0")/steps.sh"
REVOCATION_SECONDS=${REVOCATION_SECONDS:-5}

sign_in owner@acme.example.com demo-password-123; owner=$signed_in
expect 200 "she lists popups" "$CORE/popups" -H "$(as "$owner")"
expect 201 "she makes one" "$CORE/popups" -H "$(as "$owner")" -H "$JSON" \
  -d "{\"name\": \"Harbour Cinema $$-$RANDOM\"}"
made=$(json '["id"]')
expect 204 "she removes it" -X DELETE "$CORE/popups/$made" -H "$(as "$owner")"

sign_in owner@globex.example.com demo-password-123; globex=$signed_in
expect 200 "Globex lists its own" "$CORE/popups" -H "$(as "$globex")"
popup=$(json '["results"][0]["id"]')
expect 404/popup_not_found "Acme does not see that" "$CORE/popups/$popup" -H "$(as "$owner")"

sign_in support@numbersence.com support123; agent=$signed_in
expect 200 "an agent looks for Acme" "$CORE/support/orgs?search=acme" -H "$(as "$agent")"
acme=$(json '["results"][0]["id"]')
expect 201 "he impersonates" "$CORE/support/impersonate/$acme" -H "$(as "$agent")" -H "$JSON" \
  -d '{"reason": "Popups are missing, ticket 4711"}'
support=$(json '["access_token"]')
expect 200 "he reads" "$CORE/popups" -H "$(as "$support")"
expect 403/read_only "he writes nothing" "$CORE/popups" -H "$(as "$support")" -H "$JSON" \
  -d '{"name": "No"}'

expect 200 "the customer sees it" "$CORE/org/support-sessions" -H "$(as "$owner")"
session=$(json '["results"][0]["id"]')
expect 204 "and ends it" -X DELETE "$CORE/org/support-sessions/$session" -H "$(as "$owner")"
expect 401/token_revoked "the agent is out" "$CORE/popups" -H "$(as "$support")"
expect 200 "she reads the log" "$CORE/org/audit-log" -H "$(as "$owner")"
grep -q "ticket 4711" "$body"

sign_in platform@numbersence.com platform123; admin=$signed_in
expect 200 "an admin suspends Acme" "$CORE/admin/orgs/$acme/suspend" -H "$(as "$admin")" \
  -H "$JSON" -d '{"reason": "Unpaid since March"}'
expect 403/tenant_blocked "Acme is stopped" "$CORE/popups" -H "$(as "$owner")"
expect 200 "and goes on" "$CORE/admin/orgs/$acme/reactivate" -H "$(as "$admin")" -H "$JSON" -d '{}'
expect 200 "she lists popups" "$CORE/popups" -H "$(as "$owner")"

expect 204 "she signs out" -X POST "$IDENTITY/logout" -H "$(as "$owner")"
for _ in $(seq $((REVOCATION_SECONDS * 5))); do
  [ "$(curl -sS -o "$body" -w '%{http_code}' "$CORE/popups" -H "$(as "$owner")")" = 200 ] || break
  sleep 0.2
done
expect 401/token_revoked "and is out in the core" "$CORE/popups" -H "$(as "$owner")"
echo "The walk is done."
