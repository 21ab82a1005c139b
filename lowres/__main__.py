"""python -m lowres"""

from lowres.cli import main

main()
