"""``python -m acs``: the same as the ``acs`` command."""

from acs.cli import main

main()
