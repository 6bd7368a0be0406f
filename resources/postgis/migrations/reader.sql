-- The read-only role: made where this role may make roles, granted where it exists.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bigearthnet_reader')
       AND (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)
    THEN
        BEGIN
            CREATE ROLE bigearthnet_reader NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to all databases of a server: another was first
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'bigearthnet_reader') THEN
        GRANT USAGE ON SCHEMA bigearthnet TO bigearthnet_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA bigearthnet TO bigearthnet_reader;
    END IF;
END
$$;
