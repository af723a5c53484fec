"""`python -m lowloss` is the `lowloss` command."""

from lowloss.cli import main

main()
