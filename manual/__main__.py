"""`python -m manual FOLDER`: write the man pages into a folder, section by section.

SOURCE_DATE_EPOCH, if it is set, is the date of the pages (reproducible-builds.org).
"""

import os
import sys
import time
from pathlib import Path

from manual.pages import pages


def main() -> None:
    """Write FOLDER/man1/bouncegate.1 and the like."""
    folder = Path(sys.argv[1])
    when = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    for name, text in pages(when).items():
        path = folder / f"man{name[-1]}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path)


if __name__ == "__main__":
    main()
