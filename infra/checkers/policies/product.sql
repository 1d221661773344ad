-- 2026_11_20_first
GRANT EXECUTE ON FUNCTION public.access_mode(text, timestamptz, boolean, text, timestamptz) TO product_app, product_platform, product_definer;
CREATE PROCEDURE public.admit( is_client integer, writes integer, modes integer, token_tenant uuid, sid uuid, issued_at bigint ) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $…$;
CREATE FUNCTION public.record_row_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $…$;
GRANT EXECUTE ON PROCEDURE public.admit(integer, integer, integer, uuid, uuid, bigint) TO product_app, product_platform, product_worker;
GRANT EXECUTE ON FUNCTION public.record_row_history() TO product_owner;
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_events_app ON audit_events FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
CREATE POLICY audit_events_platform ON audit_events FOR ALL TO product_platform USING (true) WITH CHECK (true);
CREATE POLICY audit_events_worker ON audit_events FOR ALL TO product_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON audit_events TO product_app;
GRANT SELECT, INSERT ON audit_events TO product_platform;
GRANT SELECT, INSERT ON audit_events TO product_worker;
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY organizations_app ON organizations FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
CREATE POLICY organizations_platform ON organizations FOR ALL TO product_platform USING (true) WITH CHECK (true);
CREATE POLICY organizations_worker ON organizations FOR ALL TO product_worker USING (true) WITH CHECK (true);
CREATE POLICY organizations_definer_select ON organizations FOR SELECT TO product_definer USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
GRANT SELECT, UPDATE (name, support_access, updated_at, version) ON organizations TO product_app;
GRANT SELECT, UPDATE (status, suspended_at, suspension_reason, updated_at, version) ON organizations TO product_platform;
GRANT SELECT ON organizations TO product_worker;
GRANT SELECT ON organizations TO product_definer;
GRANT SELECT, INSERT, UPDATE (not_before, ended_at, received_at), DELETE ON revocations TO product_worker;
GRANT SELECT ON revocations TO product_definer;
ALTER TABLE row_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE row_history FORCE ROW LEVEL SECURITY;
CREATE POLICY row_history_app ON row_history FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
CREATE POLICY row_history_definer_insert ON row_history FOR INSERT TO product_definer WITH CHECK (true);
GRANT SELECT ON row_history TO product_app;
GRANT INSERT ON row_history TO product_definer;
GRANT SELECT, INSERT, UPDATE (document, stored_at) ON stored_key_sets TO product_worker;
ALTER TABLE popups ENABLE ROW LEVEL SECURITY;
ALTER TABLE popups FORCE ROW LEVEL SECURITY;
CREATE POLICY popups_app ON popups FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
GRANT SELECT, INSERT, UPDATE (name, slug, tagline, location, starts_at, ends_at, status, updated_at), DELETE ON popups TO product_app;
ALTER TABLE support_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE support_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY support_sessions_app ON support_sessions FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
CREATE POLICY support_sessions_platform ON support_sessions FOR ALL TO product_platform USING (true) WITH CHECK (true);
CREATE POLICY support_sessions_worker ON support_sessions FOR ALL TO product_worker USING (true) WITH CHECK (true);
CREATE POLICY support_sessions_definer_select ON support_sessions FOR SELECT TO product_definer USING (id = (SELECT current_setting('app.support_session', true)::uuid));
GRANT SELECT, UPDATE (ended_at, ended_by) ON support_sessions TO product_app;
GRANT SELECT, INSERT, UPDATE (ended_at, ended_by) ON support_sessions TO product_platform;
GRANT SELECT, UPDATE (ended_at, ended_by) ON support_sessions TO product_worker;
GRANT SELECT ON support_sessions TO product_definer;

-- 2026_11_20_jobs
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY jobs_app ON jobs FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
CREATE POLICY jobs_worker ON jobs FOR ALL TO product_worker USING (true) WITH CHECK (true);
CREATE POLICY jobs_platform_insert ON jobs FOR INSERT TO product_platform WITH CHECK (true);
CREATE POLICY jobs_definer_insert ON jobs FOR INSERT TO product_definer WITH CHECK (true);
GRANT INSERT ON jobs TO product_app;
GRANT INSERT ON jobs TO product_platform;
GRANT INSERT ON jobs TO product_definer;
GRANT SELECT, INSERT, UPDATE (run_at, attempts, held_at, failure), DELETE ON jobs TO product_worker;
GRANT SELECT, INSERT, UPDATE (next_at) ON schedules TO product_worker;
GRANT SELECT, INSERT, UPDATE (value, measured_at) ON measurements TO product_worker;

-- 2026_11_20_organizations
CREATE POLICY organizations_definer ON organizations FOR ALL TO product_definer USING (founder_id::text = (SELECT current_setting('app.current_person', true))) WITH CHECK (founder_id::text = (SELECT current_setting('app.current_person', true)));
REVOKE SELECT ON organizations FROM product_app;
GRANT SELECT (tenant_id, slug, name, status, trial_ends_at, paid, support_access, suspended_at, suspension_reason, created_at, updated_at, version) ON organizations TO product_app;
GRANT INSERT, UPDATE (name, slug, trial_ends_at, paid) ON organizations TO product_platform;
GRANT INSERT ON organizations TO product_definer;
CREATE POLICY audit_events_definer_insert ON audit_events FOR INSERT TO product_definer WITH CHECK (true);
GRANT INSERT ON audit_events TO product_definer;
GRANT EXECUTE ON FUNCTION public.trial_end(timestamptz) TO product_platform, product_definer;
CREATE FUNCTION public.found_organization( organization uuid, new_slug text, new_name text, allowed integer, event uuid, client_ip text, user_agent text ) RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $…$;
GRANT EXECUTE ON FUNCTION public.found_organization(uuid, text, text, integer, uuid, text, text) TO product_app;

-- 2026_11_20_members
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
ALTER TABLE members FORCE ROW LEVEL SECURITY;
CREATE POLICY members_app ON members FOR ALL TO product_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid));
CREATE POLICY members_platform ON members FOR ALL TO product_platform USING (true) WITH CHECK (true);
CREATE POLICY members_worker ON members FOR ALL TO product_worker USING (true) WITH CHECK (true);
GRANT SELECT ON members TO product_app;
GRANT SELECT (tenant_id, active) ON members TO product_platform;
GRANT SELECT, INSERT, UPDATE (name, email, role, active, version, updated_at) ON members TO product_worker;

-- 2026_11_20_revocations
GRANT SELECT, UPDATE (version) ON organizations TO product_worker;
CREATE PROCEDURE public.admit( is_client integer, writes integer, modes integer, token_tenant uuid, sid uuid, issued_at bigint, signing_key uuid DEFAULT NULL ) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $…$;
REVOKE ALL ON PROCEDURE public.admit(integer, integer, integer, uuid, uuid, bigint, uuid) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE public.admit(integer, integer, integer, uuid, uuid, bigint, uuid) TO product_app, product_platform, product_worker;

-- 2026_11_20_idempotency
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_keys_app ON idempotency_keys FOR ALL TO product_app USING (actor_id = (SELECT current_setting('app.current_actor', true)::uuid)) WITH CHECK (actor_id = (SELECT current_setting('app.current_actor', true)::uuid));
CREATE POLICY idempotency_keys_platform ON idempotency_keys FOR ALL TO product_platform USING (actor_id = (SELECT current_setting('app.current_actor', true)::uuid)) WITH CHECK (actor_id = (SELECT current_setting('app.current_actor', true)::uuid));
CREATE POLICY idempotency_keys_worker ON idempotency_keys FOR ALL TO product_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (fingerprint, reservation, status, content_type, location, body, resource_id, created_at), DELETE ON idempotency_keys TO product_app;
GRANT SELECT, INSERT, UPDATE (fingerprint, reservation, status, content_type, location, body, resource_id, created_at), DELETE ON idempotency_keys TO product_platform;
GRANT SELECT, DELETE ON idempotency_keys TO product_worker;
