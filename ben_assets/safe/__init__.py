"""Reading Sentinel-2 products: SAFE directories, manifests, zips, JPEG 2000."""
