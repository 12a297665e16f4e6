"""From a block to a verdict with every check made, at 5 launches a second and at full speed.

Everything is imported late: processes that read code begin by importing this module.
"""

from __future__ import annotations

if __name__ == "__main__":
    from benchmarks.examining import main

    main()
