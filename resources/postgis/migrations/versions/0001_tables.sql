-- Works wherever the extension lives; new tables are named with their schema.
CREATE EXTENSION IF NOT EXISTS postgis;
SELECT set_config('search_path', 'bigearthnet, ' || quote_ident(n.nspname), true)
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'postgis';

COMMENT ON SCHEMA bigearthnet IS
    'BigEarthNet v2: tiles, patches and labels, and the inputs they were made from';

CREATE FUNCTION bigearthnet.season_of(instant timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN t <@ tsrange(make_timestamp(y, 3, 1, 0, 0, 0),
                          make_timestamp(y, 5, 31, 0, 0, 0), '[]') THEN 'spring'
        WHEN t <@ tsrange(make_timestamp(y, 6, 1, 0, 0, 0),
                          make_timestamp(y, 8, 31, 0, 0, 0), '[]') THEN 'summer'
        WHEN t <@ tsrange(make_timestamp(y, 9, 1, 0, 0, 0),
                          make_timestamp(y, 11, 30, 0, 0, 0), '[]') THEN 'fall'
        ELSE 'winter'
    END
    FROM (SELECT instant AT TIME ZONE 'UTC' AS t) AS utc,
         LATERAL (SELECT extract(year FROM t)::int AS y) AS year
$$;
COMMENT ON FUNCTION bigearthnet.season_of IS
    'Season label of an instant (UTC); the last day of a season ends at its first moment';

CREATE FUNCTION bigearthnet.pixel_centres(piece geometry, square geometry)
RETURNS SETOF geometry LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5000 AS $$
    SELECT ST_SetSRID(ST_MakePoint(x, y), ST_SRID(piece))
    FROM (
        SELECT ST_XMin(square) + 5 AS west, ST_YMin(square) + 5 AS south
    ) AS first,
    generate_series(
        (west + 10 * ceil((ST_XMin(piece) - west) / 10))::int,
        (west + 10 * floor((ST_XMax(piece) - west) / 10))::int, 10) AS x,
    generate_series(
        (south + 10 * ceil((ST_YMin(piece) - south) / 10))::int,
        (south + 10 * floor((ST_YMax(piece) - south) / 10))::int, 10) AS y
$$;
COMMENT ON FUNCTION bigearthnet.pixel_centres IS
    'Centres of the 10 m pixels of a patch (square) in the bounding box of a piece of it';

CREATE TABLE bigearthnet.inputs (
    file text PRIMARY KEY,
    table_name text NOT NULL,
    sha256 text NOT NULL,
    row_count bigint NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE bigearthnet.inputs IS 'Files that the input tables were loaded from';
COMMENT ON COLUMN bigearthnet.inputs.file IS 'File name';
COMMENT ON COLUMN bigearthnet.inputs.table_name IS 'Table that holds its rows';
COMMENT ON COLUMN bigearthnet.inputs.sha256 IS 'SHA-256 of the file when it was loaded';
COMMENT ON COLUMN bigearthnet.inputs.row_count IS 'Rows loaded from the file';
COMMENT ON COLUMN bigearthnet.inputs.loaded_at IS 'When it was loaded';

CREATE TABLE bigearthnet.tiles (
    tile text PRIMARY KEY,
    tile_id text NOT NULL UNIQUE,
    start_time timestamptz NOT NULL,
    season text NOT NULL,
    alignment text NOT NULL,
    l2a_processor text NOT NULL,
    failed_quality_checks text[] NOT NULL,
    has_metadata boolean NOT NULL,
    epsg integer NOT NULL,
    ulx integer NOT NULL,
    uly integer NOT NULL,
    side_m integer NOT NULL,
    made_from jsonb NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    geom geometry(Polygon, 4326) NOT NULL
);
COMMENT ON TABLE bigearthnet.tiles IS
    'Published tiles: a row is here if and only if all rows of its patches are';
COMMENT ON COLUMN bigearthnet.tiles.tile IS
    'Tile key: name of the Sentinel-2 L1C product without .SAFE';
COMMENT ON COLUMN bigearthnet.tiles.tile_id IS
    'Tile id: name of the L2A product up to its MGRS tile; patch ids begin with it';
COMMENT ON COLUMN bigearthnet.tiles.start_time IS 'PRODUCT_START_TIME';
COMMENT ON COLUMN bigearthnet.tiles.season IS 'Season label of start_time';
COMMENT ON COLUMN bigearthnet.tiles.alignment IS
    'v1: patches need a matching patch in BigEarthNet v1; none: every valid patch is exported';
COMMENT ON COLUMN bigearthnet.tiles.l2a_processor IS 'What made the L2A product';
COMMENT ON COLUMN bigearthnet.tiles.failed_quality_checks IS
    'Quality checks of the L2A product that did not pass; with any, no patch has labels';
COMMENT ON COLUMN bigearthnet.tiles.has_metadata IS
    'Whether labels, matching patches and flags were there when the tile was published';
COMMENT ON COLUMN bigearthnet.tiles.epsg IS 'EPSG code of the UTM zone';
COMMENT ON COLUMN bigearthnet.tiles.ulx IS 'Easting of the upper left corner, metres';
COMMENT ON COLUMN bigearthnet.tiles.uly IS 'Northing of the upper left corner, metres';
COMMENT ON COLUMN bigearthnet.tiles.side_m IS 'Side of the tile, metres';
COMMENT ON COLUMN bigearthnet.tiles.made_from IS
    'SHA-256 of what was published: hash lists and tables of the tile, by asset';
COMMENT ON COLUMN bigearthnet.tiles.published_at IS 'When the tile was published';
COMMENT ON COLUMN bigearthnet.tiles.geom IS 'Outline of the tile, EPSG:4326';
CREATE INDEX tiles_geom ON bigearthnet.tiles USING gist (geom);

CREATE TABLE bigearthnet.patches (
    patch_id text PRIMARY KEY,
    tile text NOT NULL REFERENCES bigearthnet.tiles ON DELETE CASCADE,
    x smallint NOT NULL,
    y smallint NOT NULL,
    valid boolean NOT NULL,
    kept boolean,
    season text NOT NULL,
    split text NOT NULL,
    country text NOT NULL,
    s2v1_name text,
    s1_name text,
    contains_seasonal_snow boolean,
    contains_cloud_or_shadow boolean,
    s2_path text,
    s2_sha256 text,
    reference_map_path text,
    reference_map_sha256 text,
    s1_path text,
    geom_utm geometry(Polygon) NOT NULL,
    geom geometry(Polygon, 4326) NOT NULL,
    UNIQUE (tile, x, y)
);
COMMENT ON TABLE bigearthnet.patches IS 'All grid cells of the published tiles';
COMMENT ON COLUMN bigearthnet.patches.patch_id IS 'Tile id, column and row';
COMMENT ON COLUMN bigearthnet.patches.tile IS 'Tile key';
COMMENT ON COLUMN bigearthnet.patches.x IS 'Column, from the left, from 0';
COMMENT ON COLUMN bigearthnet.patches.y IS 'Row, from the top, from 0';
COMMENT ON COLUMN bigearthnet.patches.valid IS 'No pixel of its twelve bands is zero';
COMMENT ON COLUMN bigearthnet.patches.kept IS
    'Part of the data set: labelled and, where needed, aligned; null without metadata';
COMMENT ON COLUMN bigearthnet.patches.season IS 'Season label';
COMMENT ON COLUMN bigearthnet.patches.split IS 'train, validation or test';
COMMENT ON COLUMN bigearthnet.patches.country IS 'Nearest of the ten countries';
COMMENT ON COLUMN bigearthnet.patches.s2v1_name IS 'matching patch in BigEarthNet v1';
COMMENT ON COLUMN bigearthnet.patches.s1_name IS 'matching Sentinel-1 patch';
COMMENT ON COLUMN bigearthnet.patches.contains_seasonal_snow IS 'Its matching v1 patch has snow';
COMMENT ON COLUMN bigearthnet.patches.contains_cloud_or_shadow IS
    'Its matching v1 patch has cloud or cloud shadow';
COMMENT ON COLUMN bigearthnet.patches.s2_path IS
    'Folder of its twelve GeoTIFFs below BEN_DATA_DIR; null if not exported';
COMMENT ON COLUMN bigearthnet.patches.s2_sha256 IS
    'SHA-256 of the hash list of its twelve GeoTIFFs';
COMMENT ON COLUMN bigearthnet.patches.reference_map_path IS
    'Reference map below BEN_DATA_DIR; null if it has none';
COMMENT ON COLUMN bigearthnet.patches.reference_map_sha256 IS
    'SHA-256 of the reference map';
COMMENT ON COLUMN bigearthnet.patches.s1_path IS
    'Folder of its matching Sentinel-1 patch below BEN_DATA_DIR; null if not kept';
COMMENT ON COLUMN bigearthnet.patches.geom_utm IS
    'Square of 1200 m in the UTM zone of its tile; the SRID is the zone''s';
COMMENT ON COLUMN bigearthnet.patches.geom IS 'The same square in EPSG:4326';
CREATE INDEX patches_geom ON bigearthnet.patches USING gist (geom);
CREATE INDEX patches_geom_utm ON bigearthnet.patches USING gist (geom_utm);
CREATE INDEX patches_s2v1_name ON bigearthnet.patches (s2v1_name);

CREATE TABLE bigearthnet.labels (
    patch_id text NOT NULL REFERENCES bigearthnet.patches ON DELETE CASCADE,
    label text NOT NULL,
    PRIMARY KEY (patch_id, label)
);
COMMENT ON TABLE bigearthnet.labels IS 'The labels of each patch that has any';
COMMENT ON COLUMN bigearthnet.labels.patch_id IS 'The patch';
COMMENT ON COLUMN bigearthnet.labels.label IS 'One of the 19 classes';
CREATE INDEX labels_label ON bigearthnet.labels (label);

CREATE TABLE bigearthnet.pixel_counts (
    patch_id text NOT NULL REFERENCES bigearthnet.patches ON DELETE CASCADE,
    clc_code smallint NOT NULL,
    pixels integer NOT NULL,
    PRIMARY KEY (patch_id, clc_code)
);
COMMENT ON TABLE bigearthnet.pixel_counts IS 'Content of each reference map';
COMMENT ON COLUMN bigearthnet.pixel_counts.patch_id IS 'The patch';
COMMENT ON COLUMN bigearthnet.pixel_counts.clc_code IS
    'CORINE code, level 3; 999 where no polygon is';
COMMENT ON COLUMN bigearthnet.pixel_counts.pixels IS 'Pixels of 10 m; 14400 per patch';

CREATE TABLE bigearthnet.clc2018 (
    fid bigint PRIMARY KEY,
    id text,
    code_18 text,
    remark text,
    area_ha double precision,
    geom geometry(MultiPolygon, 3035)
);
-- Coordinates do not compress: trying doubles the time of loading.
ALTER TABLE bigearthnet.clc2018 ALTER geom SET STORAGE EXTERNAL;
COMMENT ON TABLE bigearthnet.clc2018 IS
    'CORINE Land Cover 2018, as in the GeoPackage of version 2020_20u1';
COMMENT ON COLUMN bigearthnet.clc2018.fid IS 'Place in the file, from 1';
COMMENT ON COLUMN bigearthnet.clc2018.id IS
    'ID of the polygon; where polygons overlap, the lowest as text wins';
COMMENT ON COLUMN bigearthnet.clc2018.code_18 IS 'Code of level 3, as text';
COMMENT ON COLUMN bigearthnet.clc2018.remark IS 'Remark of the file';
COMMENT ON COLUMN bigearthnet.clc2018.area_ha IS 'Area of the file, hectares';
COMMENT ON COLUMN bigearthnet.clc2018.geom IS 'Polygons in EPSG:3035, to the last bit';
CREATE INDEX clc2018_geom ON bigearthnet.clc2018 USING gist (geom);

CREATE TABLE bigearthnet.v1_footprints (
    epsg integer NOT NULL,
    patch_name text NOT NULL,
    sensing_time timestamptz NOT NULL,
    geom_utm geometry(MultiPolygon) NOT NULL,
    geom geometry(MultiPolygon, 4326) NOT NULL,
    PRIMARY KEY (epsg, patch_name)
);
COMMENT ON TABLE bigearthnet.v1_footprints IS 'Patches of BigEarthNet v1';
COMMENT ON COLUMN bigearthnet.v1_footprints.epsg IS 'EPSG code of the UTM zone';
COMMENT ON COLUMN bigearthnet.v1_footprints.patch_name IS 'Name of the v1 patch';
COMMENT ON COLUMN bigearthnet.v1_footprints.sensing_time IS 'When it was sensed';
COMMENT ON COLUMN bigearthnet.v1_footprints.geom_utm IS
    'Square of 1200 m in its UTM zone; the SRID is the zone''s';
COMMENT ON COLUMN bigearthnet.v1_footprints.geom IS 'The same square in EPSG:4326';
CREATE INDEX v1_footprints_geom ON bigearthnet.v1_footprints USING gist (geom);
CREATE INDEX v1_footprints_geom_utm ON bigearthnet.v1_footprints USING gist (geom_utm);

CREATE TABLE bigearthnet.countries (
    name text PRIMARY KEY,
    geom geometry(MultiPolygon, 4326) NOT NULL
);
COMMENT ON TABLE bigearthnet.countries IS
    'The ten countries of BigEarthNet (Natural Earth, 1:110 m)';
COMMENT ON COLUMN bigearthnet.countries.name IS 'NAME_LONG of the file';
COMMENT ON COLUMN bigearthnet.countries.geom IS 'Outline, EPSG:4326';
CREATE INDEX countries_geom ON bigearthnet.countries USING gist (geom);

CREATE TABLE bigearthnet.clc_nomenclature (
    clc_code smallint PRIMARY KEY,
    label text
);
COMMENT ON TABLE bigearthnet.clc_nomenclature IS
    'CORINE codes of level 3 and the 19 classes made of them (BigEarthNet-19)';
COMMENT ON COLUMN bigearthnet.clc_nomenclature.clc_code IS 'Code; 999: no polygon';
COMMENT ON COLUMN bigearthnet.clc_nomenclature.label IS 'Class; null: unlabeled';
INSERT INTO bigearthnet.clc_nomenclature
SELECT unnest(codes), label FROM (VALUES
    ('{111,112}'::smallint[], 'Urban fabric'),
    ('{121}', 'Industrial or commercial units'),
    ('{211,212,213}', 'Arable land'),
    ('{221,222,223,241}', 'Permanent crops'),
    ('{231}', 'Pastures'),
    ('{242}', 'Complex cultivation patterns'),
    ('{243}', 'Land principally occupied by agriculture, with significant areas of '
              'natural vegetation'),
    ('{244}', 'Agro-forestry areas'),
    ('{311}', 'Broad-leaved forest'),
    ('{312}', 'Coniferous forest'),
    ('{313}', 'Mixed forest'),
    ('{321,333}', 'Natural grassland and sparsely vegetated areas'),
    ('{322,323}', 'Moors, heathland and sclerophyllous vegetation'),
    ('{324}', 'Transitional woodland, shrub'),
    ('{331}', 'Beaches, dunes, sands'),
    ('{411,412}', 'Inland wetlands'),
    ('{421,422}', 'Coastal wetlands'),
    ('{511,512}', 'Inland waters'),
    ('{521,522,523}', 'Marine waters'),
    ('{122,123,124,131,132,133,141,142,332,334,335,423,999}', NULL)
) AS classes (codes, label);
