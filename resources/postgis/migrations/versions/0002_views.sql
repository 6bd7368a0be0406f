SELECT set_config('search_path', 'bigearthnet, ' || quote_ident(n.nspname), true)
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'postgis';

CREATE VIEW bigearthnet.patches_with_labels AS
SELECT
    p.patch_id, p.tile, t.start_time, p.season, p.split, p.country, p.valid, p.kept,
    p.s2v1_name, p.s1_name, p.contains_seasonal_snow, p.contains_cloud_or_shadow,
    l.labels, l.n_labels, p.geom
FROM bigearthnet.patches AS p
JOIN bigearthnet.tiles AS t USING (tile)
LEFT JOIN LATERAL (
    SELECT string_agg(label, '; ' ORDER BY label COLLATE "C") AS labels,
           count(*)::int AS n_labels
    FROM bigearthnet.labels WHERE patch_id = p.patch_id
) AS l ON true;
COMMENT ON VIEW bigearthnet.patches_with_labels IS
    'For QGIS: each grid cell with its labels in one text; key: patch_id';
COMMENT ON COLUMN bigearthnet.patches_with_labels.labels IS
    'Sorted labels, separated by semicolons; null if the patch has none';
COMMENT ON COLUMN bigearthnet.patches_with_labels.n_labels IS 'Number of labels';

CREATE VIEW bigearthnet.overlapping_patches AS
SELECT
    a.patch_id || ' ' || b.patch_id AS pair,
    a.patch_id AS patch_1, b.patch_id AS patch_2, a.season,
    ST_Area(common.geom) / (ST_Area(laea.a) + ST_Area(laea.b)) AS share,
    ST_Transform(common.geom, 4326)::geometry(Geometry, 4326) AS geom
FROM bigearthnet.patches AS a
JOIN bigearthnet.patches AS b
    ON a.tile < b.tile AND a.season = b.season AND a.geom && b.geom
CROSS JOIN LATERAL (
    SELECT ST_Transform(a.geom_utm, 3035) AS a, ST_Transform(b.geom_utm, 3035) AS b
) AS laea
CROSS JOIN LATERAL (SELECT ST_Intersection(laea.a, laea.b) AS geom) AS common
WHERE ST_Area(common.geom) / (ST_Area(laea.a) + ST_Area(laea.b)) > 0.5 * 0.01;
COMMENT ON VIEW bigearthnet.overlapping_patches IS
    'For QGIS: pairs of patches of two tiles and one season that overlap; key: pair';
COMMENT ON COLUMN bigearthnet.overlapping_patches.pair IS 'Both patch ids';
COMMENT ON COLUMN bigearthnet.overlapping_patches.patch_1 IS 'Patch of the first tile';
COMMENT ON COLUMN bigearthnet.overlapping_patches.patch_2 IS 'Patch of the other tile';
COMMENT ON COLUMN bigearthnet.overlapping_patches.season IS 'Season label of both';
COMMENT ON COLUMN bigearthnet.overlapping_patches.share IS
    'Common area / sum of both areas, in EPSG:3035; more than 0.005';
COMMENT ON COLUMN bigearthnet.overlapping_patches.geom IS 'Common area, EPSG:4326';
