"""The InfluxDB store: written through influxdb-client, read in InfluxQL, any of 1.x, 2.x and 3."""

__all__ = ["points", "row_source", "server", "server_store"]
