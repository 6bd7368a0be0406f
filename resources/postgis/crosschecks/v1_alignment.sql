-- The v1 patch of the same season that the patch covers; and no v1 patch twice in the
-- tiles of the database.
WITH matches AS (
    SELECT p.patch_id, string_agg(f.patch_name, ' and ' ORDER BY f.patch_name) AS name
    FROM tiles AS t
    JOIN patches AS p USING (tile)
    JOIN v1_footprints AS f
      ON f.epsg = t.epsg AND f.geom_utm && p.geom_utm
     AND ST_Covers(p.geom_utm, f.geom_utm)
     AND season_of(f.sensing_time) = season_of(t.start_time)
    WHERE t.tile = %(tile)s AND t.alignment = 'v1'
    GROUP BY p.patch_id
)
SELECT patch_id, matches.name AS expected, s2v1_name AS found
FROM patches LEFT JOIN matches USING (patch_id)
WHERE tile = %(tile)s AND s2v1_name IS DISTINCT FROM matches.name
UNION ALL
SELECT p.patch_id, 'a v1 patch of its own', p.s2v1_name || ', as ' || other.patch_id
FROM patches AS p
JOIN patches AS other
  ON other.s2v1_name = p.s2v1_name AND other.patch_id <> p.patch_id
WHERE p.tile = %(tile)s
ORDER BY patch_id;
