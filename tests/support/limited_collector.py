"""A collector of chosen limits, on a store as slow as wanted. Arguments: STORE LIMITS_JSON DELAY_S."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from makespan_collector.receiving.limits import Limits
from makespan_collector.serving import Endpoints, Serving, serve
from makespan_collector.store.embedded.background_compaction import BackgroundCompaction
from makespan_collector.store.embedded.directory_store import EmbeddedStore


def main() -> None:
    """Serve until SIGTERM."""
    store, limits, delay_s = Path(sys.argv[1]), Limits(**json.loads(sys.argv[2])), float(sys.argv[3])
    append = EmbeddedStore.append

    def slow_append(self: EmbeddedStore, **rows: Any) -> None:
        time.sleep(delay_s)
        append(self, **rows)

    EmbeddedStore.append = slow_append  # type: ignore[method-assign]
    # What a compaction takes is bounded by itself; here it is about requests.
    BackgroundCompaction.appended = lambda self: None  # type: ignore[method-assign]

    def ready(endpoints: Endpoints) -> None:
        print(json.dumps({"url": endpoints.url, "grpc": endpoints.grpc}), flush=True)

    serve(store, Serving(grpc_port=0, limits=limits), ready=ready)


if __name__ == "__main__":
    main()
