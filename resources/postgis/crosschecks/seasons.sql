-- The label of the acquisition, by the function that the schema brings along.
SELECT patch_id, season_of(start_time) AS expected, patches.season AS found
FROM patches JOIN tiles USING (tile)
WHERE tile = %(tile)s
  AND (patches.season IS DISTINCT FROM season_of(start_time)
       OR tiles.season IS DISTINCT FROM season_of(start_time))
ORDER BY patch_id;
