"""`python -m stack` is `activation-lab`."""

from stack.cli import main

main()
