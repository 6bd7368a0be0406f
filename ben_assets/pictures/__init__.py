"""Pictures of tiles, patches, maps and labels."""
