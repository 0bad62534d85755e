"""Packs files into a zip whose bytes depend on theirs alone: no times, no owners, names in order. Zopfli packs them some 3 %
smaller than zlib does, and takes minutes for it.

    zip.py OUT FILE...

What is called bootstrap may be executed.
"""

import os
import sys
import zipfile

from zopfli import ZipFile

# The earliest time that a zip can tell.
NO_TIME = (1980, 1, 1, 0, 0, 0)


def main(out, files):
    with ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files, key=os.path.basename):
            entry = zipfile.ZipInfo(os.path.basename(path), NO_TIME)
            entry.create_system = 3  # Unix, which the mode below is of.
            entry.external_attr = (0o755 if entry.filename == "bootstrap" else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with open(path, "rb") as file:
                archive.writestr(entry, file.read())


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
