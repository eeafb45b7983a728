"""Jobs in the formats of other tools. Their packages are an extra: each format is imported when it is asked for."""
