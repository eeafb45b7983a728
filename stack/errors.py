"""Errors of a stack; the message gives the reason."""


class CannotStart(Exception):
    """The stack cannot come up."""


class Stopped(Exception):
    """A signal stopped the stack before it was ready."""


class Interrupted(Exception):
    """A signal came before the call that the stack was started for had returned."""


class BackupFailed(Exception):
    """No backup was made, or none was restored."""
