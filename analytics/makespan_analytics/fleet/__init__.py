"""All pipelines of a store analysed: on the cores of one machine or on a Dask cluster, and only what changed."""

__all__ = [
    "chunk_analysis",
    "code_version",
    "dask_cluster",
    "fleet_report",
    "pipeline_chunks",
    "process_pool",
    "report_json",
    "saved_results",
]
