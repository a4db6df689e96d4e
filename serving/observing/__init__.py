"""The service seen from outside: logs, metrics and traces that hold no name, token, address or query."""
