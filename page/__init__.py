"""The web page: a client of the public API, and of nothing else. `api.page` serves its files."""
