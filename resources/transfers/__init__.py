"""HTTP for every service: requests, retries, limits, downloads, buckets, packing.

Belongs here: what services share. Not here: what one of them means (``cdse``, ``gcs``,
``clms``, ``uploads``).
"""
