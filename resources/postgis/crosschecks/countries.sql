-- The country nearest to the square in the tile's UTM zone. Of two at equal distance the
-- first of the alphabet, but Serbia before Kosovo, as in the published data set.
WITH outlines AS MATERIALIZED (
    SELECT name,
           CASE name WHEN 'Serbia' THEN 'Kosov' ELSE name END COLLATE "C" AS precedence,
           ST_Transform(countries.geom, epsg) AS geom
    FROM countries, tiles
    WHERE tile = %(tile)s
)
SELECT patch_id, nearest.name AS expected, country AS found
FROM patches, LATERAL (
    SELECT name FROM outlines
    ORDER BY ST_Distance(patches.geom_utm, outlines.geom), precedence LIMIT 1
) AS nearest
WHERE tile = %(tile)s AND country IS DISTINCT FROM nearest.name
ORDER BY patch_id;
