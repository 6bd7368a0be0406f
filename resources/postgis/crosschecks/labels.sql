-- The label sets of the tile's patches, from the CORINE polygons alone.
--
-- A piece is the visible part of one polygon in one patch: what polygons of a lower id
-- cover is taken off. One pixel centre in a piece is enough for its class, and a quarter
-- of unlabeled pixels is too much for any class. Centres are tried only where areas leave
-- doubt: for a class until the first one is found, for the unlabeled share where the
-- outline of the labelled area could shift it across the limit.
CREATE TEMP TABLE clipped ON COMMIT DROP AS
WITH polygons AS MATERIALIZED (
    SELECT row_number() OVER (
               ORDER BY c.id COLLATE "C", c.code_18 COLLATE "C", c.fid
           ) AS precedence,
           n.label,
           CASE WHEN ST_IsValid(utm) THEN utm ELSE ST_MakeValid(utm) END AS geom
    FROM tiles AS t
    JOIN clc2018 AS c ON c.geom && ST_Expand(ST_Transform(ST_Segmentize(ST_MakeEnvelope(
        ulx, uly - side_m, ulx + side_m, uly, epsg), 1200), 3035), 1000)
    JOIN clc_nomenclature AS n ON n.clc_code::text = c.code_18
    CROSS JOIN LATERAL (SELECT ST_Transform(c.geom, t.epsg) AS utm) AS transformed
    WHERE t.tile = %(tile)s
)
SELECT p.patch_id, p.geom_utm AS square, c.precedence, c.label, parts.geom
FROM tiles AS t
JOIN patches AS p USING (tile)
JOIN polygons AS c ON ST_Intersects(p.geom_utm, c.geom)
CROSS JOIN LATERAL (
    SELECT ST_CollectionExtract(ST_Intersection(c.geom, p.geom_utm), 3) AS geom
) AS parts
WHERE t.tile = %(tile)s AND t.failed_quality_checks = '{}'
  AND p.s2_path IS NOT NULL AND NOT ST_IsEmpty(parts.geom);
CREATE INDEX ON clipped (patch_id);
ANALYZE clipped;

CREATE TEMP TABLE pieces ON COMMIT DROP AS
SELECT c.patch_id, c.square, c.label,
       CASE WHEN above.geom IS NULL THEN c.geom
            ELSE ST_CollectionExtract(ST_Difference(c.geom, above.geom), 3)
       END AS geom
FROM clipped AS c
LEFT JOIN LATERAL (
    SELECT ST_Union(o.geom) AS geom FROM clipped AS o
    WHERE o.patch_id = c.patch_id AND o.precedence < c.precedence
      AND o.geom && c.geom AND ST_Relate(o.geom, c.geom, '2********')
) AS above ON true
WHERE c.label IS NOT NULL;
ANALYZE pieces;

WITH labelled_areas AS MATERIALIZED (
    SELECT patch_id, square, ST_UnaryUnion(ST_Collect(geom)) AS geom
    FROM pieces GROUP BY patch_id, square
),
shares AS MATERIALIZED (
    SELECT patch_id, square, geom, 1 - ST_Area(geom) / 1440000 AS unlabeled,
           -- a pixel counts otherwise than its area only within 7.1 m of the outline;
           -- the edge of the patch is the edge of pixels as well
           ST_Length(ST_Difference(ST_Boundary(geom), ST_Boundary(square)))
               * 15 / 1440000 + 0.001 AS doubt
    FROM labelled_areas
),
labelled AS (
    SELECT patch_id FROM shares
    WHERE unlabeled + doubt < 0.25
       OR abs(unlabeled - 0.25) <= doubt
      AND (SELECT count(*) FROM pixel_centres(geom, square) AS centre
           WHERE ST_Intersects(geom, centre)) > 14400 * 3 / 4
),
expected AS (
    SELECT patch_id, string_agg(DISTINCT label, '; ') AS labels
    FROM pieces JOIN labelled USING (patch_id)
    WHERE EXISTS (
        SELECT FROM pixel_centres(pieces.geom, pieces.square) AS centre
        WHERE ST_Intersects(pieces.geom, centre)
    )
    GROUP BY patch_id
),
published AS (
    SELECT patch_id, string_agg(label, '; ' ORDER BY label) AS labels
    FROM labels JOIN patches USING (patch_id)
    WHERE tile = %(tile)s
    GROUP BY patch_id
)
SELECT patch_id, e.labels AS expected, p.labels AS found
FROM expected AS e FULL JOIN published AS p USING (patch_id)
WHERE e.labels IS DISTINCT FROM p.labels
ORDER BY patch_id;
