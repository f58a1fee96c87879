"""Records of steps as OpenTelemetry spans and metrics, sent by a process of their own."""
