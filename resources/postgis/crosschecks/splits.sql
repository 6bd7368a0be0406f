-- Frames of the tile's square, made by shrinking it: the split of a patch is that of its
-- centre, and a point on a border belongs to the outer frame.
WITH frames AS MATERIALIZED (
    SELECT ST_Buffer(square, -side_m * (2 - sqrt(2)) / 4, 'join=mitre') AS not_train,
           ST_Buffer(square, -side_m / 4.0, 'join=mitre') AS inner_square
    FROM tiles, LATERAL (
        SELECT ST_MakeEnvelope(ulx, uly - side_m, ulx + side_m, uly, epsg) AS square
    ) AS at
    WHERE tile = %(tile)s
)
SELECT patch_id, expected, split AS found
FROM patches, frames, LATERAL (
    SELECT CASE
        WHEN ST_ContainsProperly(inner_square, ST_Centroid(geom_utm)) THEN 'test'
        WHEN ST_ContainsProperly(not_train, ST_Centroid(geom_utm)) THEN 'validation'
        ELSE 'train'
    END AS expected
) AS rule
WHERE tile = %(tile)s AND split IS DISTINCT FROM expected
ORDER BY patch_id;
