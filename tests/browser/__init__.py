"""The page in a real browser against the real `activation-lab up`.

A package, unlike the other folders of tests, because the browser is shared by its modules and has to be gone after the
last of them: while it is there, asyncio.run is refused.
"""
