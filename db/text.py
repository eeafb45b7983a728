"""Text of others on its way to SQL, such as the message of an error."""

LONGEST_MESSAGE = 10_000
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def make_storable(text: str, *, longest: int = LONGEST_MESSAGE) -> str:
    """As every database takes it: PostgreSQL has no NUL, UTF-8 no lone surrogate. What is too long is cut."""
    whole = text.replace("\0", REPLACEMENT).encode("utf-8", errors="surrogatepass")
    clean = whole.decode("utf-8", errors="replace")
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
