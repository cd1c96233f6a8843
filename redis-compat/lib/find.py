# SPDX-License-Identifier: BSD-3-Clause
"""Where our server's binary is when nobody says so."""

import glob
import os


class NotFound(Exception):
    """There's no build."""


def our_server(here):
    """The newest drey-server of the source tree's builds."""
    pattern = os.path.join(os.path.dirname(here), "build", "**", "drey-server")
    found = [path for path in glob.glob(pattern, recursive=True) if os.access(path, os.X_OK)]
    if not found:
        raise NotFound("no drey-server under build/; run make first or give --server PATH")
    return max(found, key=os.path.getmtime)
