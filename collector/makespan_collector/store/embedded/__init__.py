"""The embedded store: a directory of Arrow logs and Parquet segments, queried by DuckDB."""

__all__ = [
    "backup",
    "compaction",
    "directory_store",
    "evidence_queries",
    "fleet_queries",
    "group_commit",
    "inspection",
    "job_renaming",
    "log_segment",
    "merging",
    "queries",
    "record_columns",
    "run_columns",
    "run_queries",
    "sample_queries",
    "segment_writing",
    "segments",
    "series_queries",
    "writer_lock",
]
