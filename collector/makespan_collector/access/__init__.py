"""Who may send to a collector and read from it: tokens with scopes, bound to projects where wanted."""

__all__ = ["exposure", "grpc_peer", "guard", "http", "token_file", "tokens"]
