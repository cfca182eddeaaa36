"""One drawing process: ``python -m rayograph.demo FOLDER COUNT SEED SIZE SHARD SHARDS``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from rayograph.demo.write import draw_shard


def main() -> None:
    # The caller decides what Ctrl-C means; a caller that died ends this at its next picture.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    count, seed, size, shard, shards = (int(value) for value in sys.argv[2:])
    try:
        draw_shard(Path(sys.argv[1]), count=count, seed=seed, size=size, shard=shard, shards=shards)
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
