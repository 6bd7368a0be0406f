"""A release on its way to services that keep data sets for others.

``upload_file`` is what is sent, ``huggingface`` and ``zenodo`` send it. Both make a
draft that nobody else sees, verify each file by the digest that the service states, and
leave out what is there already. Not tried against the real services.
"""
