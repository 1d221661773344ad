"""Founding, trials and members of organizations."""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_20_organizations'
down_revision = '2026_11_20_jobs'
branch_labels = None
depends_on = None

# When the trial of an organization that begins at `since` ends. The one home of this rule.
TRIAL_END = """
CREATE FUNCTION public.trial_end(since timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT since + interval '30 days'
$$
"""

# A person has no organization yet whose rows he could insert, so this inserts them for him: the
# organization, its event, and the job that tells identity whose it is. Who he is, it reads from the transaction's settings; the policy of organizations asks the same again.
# Returns the end of the trial; NULL where he has `allowed` unpaid organizations already: one at a
# time, so that two requests do not count the same. While it counts the tenant is the platform's id,
# which is no organization: without any, the policy that is for admission would fail.
FOUND_ORGANIZATION = """
CREATE FUNCTION public.found_organization(
    organization uuid, new_slug text, new_name text, allowed integer,
    event uuid, client_ip text, user_agent text
) RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := nullif(current_setting('app.current_person', true), '')::uuid;
    actor uuid := nullif(current_setting('app.current_actor', true), '')::uuid;
    tenant text := current_setting('app.current_tenant', true);
    trial_ends timestamptz := public.trial_end(now());
    founded bigint;
BEGIN
    IF person IS NULL OR actor IS DISTINCT FROM person THEN
        RAISE EXCEPTION 'only a person, for himself, founds an organization';
    END IF;
    -- Ids that are no organization's, or everybody's, whoever may call this by an injected SELECT.
    IF organization < '00000000-0000-0000-0000-000000010000' THEN
        RAISE EXCEPTION 'no organization has this id';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('found_organization ' || person, 0));
    SET LOCAL app.current_tenant = '00000000-0000-0000-0000-000000000001';
    SELECT count(*) INTO founded FROM public.organizations o
        WHERE o.founder_id = person AND NOT o.paid AND o.status <> 'purged';
    EXECUTE format('SET LOCAL app.current_tenant = %L', coalesce(tenant, ''));
    IF founded >= least(allowed, 1000) THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.organizations (
        tenant_id, slug, name, status, trial_ends_at, paid, support_access,
        created_at, updated_at, version, founder_id
    ) VALUES (
        organization, new_slug, new_name, 'active', trial_ends, false, 'read_only',
        now(), now(), 1, person
    );
    INSERT INTO public.audit_events (
        tenant_id, id, occurred_at, actor_id, subject_id, action, resource, resource_id, outcome,
        client_ip, user_agent, request_id
    ) VALUES (
        organization, event, now(), person, person, 'organizations.found', 'organizations',
        organization::text, 'succeeded', client_ip, user_agent,
        coalesce(current_setting('app.request_id', true), '')
    );
    INSERT INTO public.jobs (tenant_id, id, kind, arguments, run_at)
        VALUES (organization, gen_random_uuid(), 'tell_tenant', '{}', now());
    RETURN trial_ends;
END
$$
"""
FOUND_ORGANIZATION_ARGUMENTS = "uuid, text, text, integer, uuid, text, text"
MEMBERS_READ = (
    "tenant_id, slug, name, status, trial_ends_at, paid, support_access, suspended_at, "
    "suspension_reason, created_at, updated_at, version"
)
FOUNDER = "founder_id::text = (SELECT current_setting('app.current_person', true))"
HISTORY = (
    "CREATE TRIGGER organizations_history AFTER INSERT OR DELETE OR UPDATE ON public.organizations "
    "FOR EACH ROW EXECUTE FUNCTION record_row_history({})"
)


def upgrade() -> None:
    op.add_column('organizations', sa.Column('founder_id', sa.Uuid(), nullable=True))
    op.add_column('organizations', sa.Column('first_owner_email', sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f('ck_organizations_first_owner'),
        'organizations',
        'founder_id IS NULL OR first_owner_email IS NULL',
    )
    op.create_index(
        'ix_organizations_founder',
        'organizations',
        ['founder_id'],
        postgresql_where=sa.text('founder_id IS NOT NULL'),
    )
    op.execute(f"CREATE POLICY organizations_definer ON organizations FOR ALL TO product_definer USING ({FOUNDER}) WITH CHECK ({FOUNDER})")
    op.execute("REVOKE SELECT ON organizations FROM product_app")
    op.execute(f"GRANT SELECT ({MEMBERS_READ}) ON organizations TO product_app")
    op.execute("GRANT INSERT, UPDATE (name, slug, trial_ends_at, paid) ON organizations TO product_platform")
    op.execute("GRANT INSERT ON organizations TO product_definer")
    op.execute("DROP TRIGGER organizations_history ON organizations")
    op.execute(HISTORY.format("'first_owner_email'"))
    op.execute("CREATE POLICY audit_events_definer_insert ON audit_events FOR INSERT TO product_definer WITH CHECK (true)")
    op.execute("GRANT INSERT ON audit_events TO product_definer")
    op.execute(TRIAL_END)
    op.execute("GRANT EXECUTE ON FUNCTION public.trial_end(timestamptz) TO product_platform, product_definer")
    op.execute("SET LOCAL ROLE product_definer")
    op.execute(FOUND_ORGANIZATION)
    op.execute(f"GRANT EXECUTE ON FUNCTION public.found_organization({FOUND_ORGANIZATION_ARGUMENTS}) TO product_app")
    op.execute("SET LOCAL ROLE product_owner")


def downgrade() -> None:
    op.execute("SET LOCAL ROLE product_definer")
    op.execute(f"DROP FUNCTION public.found_organization({FOUND_ORGANIZATION_ARGUMENTS})")
    op.execute("SET LOCAL ROLE product_owner")
    op.execute("DROP FUNCTION public.trial_end(timestamptz)")
    op.execute("REVOKE INSERT ON audit_events FROM product_definer")
    op.execute("DROP POLICY audit_events_definer_insert ON audit_events")
    op.execute("DROP TRIGGER organizations_history ON organizations")
    op.execute(HISTORY.format(""))
    op.execute("REVOKE INSERT ON organizations FROM product_definer")
    op.execute("REVOKE INSERT, UPDATE (name, slug, trial_ends_at, paid) ON organizations FROM product_platform")
    op.execute(f"REVOKE SELECT ({MEMBERS_READ}) ON organizations FROM product_app")
    op.execute("GRANT SELECT ON organizations TO product_app")
    op.execute("DROP POLICY organizations_definer ON organizations")
    op.drop_index('ix_organizations_founder', table_name='organizations', postgresql_where=sa.text('founder_id IS NOT NULL'))
    op.drop_constraint(op.f('ck_organizations_first_owner'), 'organizations')
    op.drop_column('organizations', 'first_owner_email')
    op.drop_column('organizations', 'founder_id')
