"""Jobs in the formats of other tools, whose packages are an extra: each module is imported when its format is used."""
