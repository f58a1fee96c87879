"""OTLP receivers: what comes in over HTTP and gRPC, bounded, decoded, made durable, answered."""

__all__ = ["admission", "body", "grpc_server", "http", "intake", "limits", "signals"]
