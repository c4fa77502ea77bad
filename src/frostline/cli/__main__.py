"""`python -m frostline.cli`."""

from frostline.cli import main

if __name__ == "__main__":
    main()
