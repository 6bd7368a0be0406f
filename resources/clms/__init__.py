"""The Copernicus Land Monitoring Service (CLMS): CORINE with a service key.

``service_key`` signs, ``client`` asks, ``corine`` brings the GeoPackage to its place.
"""
