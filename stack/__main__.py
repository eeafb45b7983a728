"""`python -m stack` is `activation-lab`."""

from stack.main import main

main()
