"""Text from outside on its way to SQL, such as the message of an error."""

LONGEST_MESSAGE = 10_000
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def make_storable(text: str, *, longest: int = LONGEST_MESSAGE) -> str:
    """Replace NUL and lone surrogates, which PostgreSQL and UTF-8 do not have, and cut text that is too long."""
    whole = text.replace("\0", REPLACEMENT).encode("utf-8", errors="surrogatepass")
    clean = whole.decode("utf-8", errors="replace")
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
