"""What a person who runs a collector asks of it: is it alive, is it ready, what does it do, what went wrong."""

__all__ = ["endpoints", "grpc_observation", "http_observation", "logs", "metrics", "readiness", "store_checks"]
