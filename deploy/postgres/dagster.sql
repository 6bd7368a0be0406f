-- Run once by the superuser, when the server of compose.yaml is made: a role that is no
-- superuser, Dagster's database, and PostGIS, which only a superuser may install.
\set password `echo "$BEN_PASSWORD"`
CREATE ROLE ben LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE dagster OWNER ben;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
ALTER DATABASE bigearthnet OWNER TO ben;
REVOKE ALL ON DATABASE bigearthnet FROM PUBLIC;
\connect bigearthnet
CREATE EXTENSION IF NOT EXISTS postgis;
GRANT CREATE ON SCHEMA public TO ben;
