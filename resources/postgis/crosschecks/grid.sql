-- Squares of 1200 m, side by side from the tile's upper left corner, all of them, under
-- the right id; the same squares in EPSG:4326; no two with a common area.
WITH cells AS (
    SELECT p.patch_id, p.geom_utm, p.geom,
           t.tile_id || format('_%%s_%%s', lpad(x::text, 2, '0'), lpad(y::text, 2, '0'))
               AS name,
           ST_MakeEnvelope(ulx + 1200 * x, uly - 1200 * (y + 1),
                           ulx + 1200 * (x + 1), uly - 1200 * y, epsg) AS square
    FROM patches AS p JOIN tiles AS t USING (tile)
    WHERE tile = %(tile)s
)
SELECT patch_id, ST_AsEWKT(square) AS expected, ST_AsEWKT(geom_utm) AS found
FROM cells
WHERE CASE WHEN ST_SRID(geom_utm) <> ST_SRID(square) THEN true
           ELSE NOT ST_Equals(geom_utm, square) OR ST_Area(geom_utm) <> 1440000 END
UNION ALL
SELECT patch_id, name, patch_id FROM cells WHERE patch_id <> name
UNION ALL
-- 1e-8 degrees are 1 mm
SELECT patch_id, ST_AsText(ST_Transform(square, 4326)), ST_AsText(geom)
FROM cells
WHERE ST_HausdorffDistance(ST_Transform(square, 4326), geom) > 1e-8
UNION ALL
SELECT a.patch_id, 'no area in common', 'overlaps ' || b.patch_id
FROM patches AS a
JOIN patches AS b ON b.tile = a.tile AND a.patch_id < b.patch_id
 AND a.geom_utm && b.geom_utm
 AND CASE WHEN ST_SRID(a.geom_utm) = ST_SRID(b.geom_utm)
          THEN ST_Relate(a.geom_utm, b.geom_utm, '2********') END
WHERE a.tile = %(tile)s
UNION ALL
SELECT tile, (side_m / 1200) ^ 2 || ' cells', there || ' cells'
FROM tiles, LATERAL (
    SELECT count(*) AS there FROM patches WHERE patches.tile = tiles.tile
) AS counted
WHERE tile = %(tile)s AND there <> (side_m / 1200) ^ 2
ORDER BY patch_id;
